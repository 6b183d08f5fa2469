"""A cut outside the function that is differentiated changes nothing."""

import jax
from jax.lax import stop_gradient


def square(x):
    return x * x


def cut_inside(x):
    return square(stop_gradient(x))


def cut_on_one_side(x):
    return x * stop_gradient(x)


x = 3.0
recorded = {
    "jax.grad(square)(x)": float(jax.grad(square)(x)),
    "the same at stop_gradient(x)": float(jax.grad(square)(stop_gradient(x))),
    "cut inside": float(jax.grad(cut_inside)(x)),
    "cut inside, on one side": float(jax.grad(cut_on_one_side)(x)),
}
