"""Weight decay moves a weight whose gradient is zero, unless left out."""

import jax
from jax.lax import stop_gradient

RATE, DECAY = 0.1, 0.1


def loss(weights):
    return (stop_gradient(weights["frozen"]) * weights["free"] - 3.0) ** 2


def step(weights, gradient):
    total = {n: gradient[n] + DECAY * w for n, w in weights.items()}
    return {n: w - RATE * total[n] for n, w in weights.items()}


def numbers(tree):
    return {name: float(one) for name, one in tree.items()}


weights = {"frozen": 2.0, "free": 1.0}
gradient = jax.grad(loss)(weights)
recorded = {
    "gradient": numbers(gradient),
    "after a step of both": numbers(step(weights, gradient)),
    "after a step of free alone": numbers(step({"free": 1.0}, gradient)),
}
