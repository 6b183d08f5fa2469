"""Three steps of two matrices, with a cut and without: a column each."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp

data = json.loads(Path("tests/data/source_000.json").read_text())
X, Y2 = jnp.array(data["X"]), jnp.array(data["Y2"])


def steps(cut):
    def loss(w1, w2):
        return (cut(X @ w1) @ w2 - Y2).sum()

    w1, w2 = jnp.ones([2, 3]), jnp.ones([3, 4])
    for n in (1, 2, 3):
        g1, g2 = jax.grad(loss, (0, 1))(w1, w2)  # g1: zeros after a cut
        w1, w2 = w1 - 1.0 * g1, w2 - 1.0 * g2
        yield f"step {n}", {"w1": w1[:, 0].tolist(), "w2": w2[:, 0].tolist()}


recorded = {
    "cut": dict(steps(jax.lax.stop_gradient)),
    "no cut": dict(steps(lambda hidden: hidden)),
}
