"""The derivative of 2 x^3, and of 3 + y^2 by both x and y."""

import jax


def y(x):
    return 2 * x**3


def z(y):
    return 3 + y**2


recorded = {
    "jax.grad(y)(2.0)": float(jax.grad(y)(2.0)),
    "grad of z(y(x)) by x": float(jax.grad(lambda x: z(y(x)))(2.0)),
    "jax.grad(z)(y(2.0))": float(jax.grad(z)(y(2.0))),
}
