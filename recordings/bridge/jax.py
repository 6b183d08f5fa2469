"""Which of A, B, C gets a gradient from which loss."""

import jax
import jax.numpy as jnp

x = jnp.array([[1.0, 2.0]])
A = jnp.array([[1.0, 0.0], [1.0, 1.0]])
B = jnp.array([[1.0, 1.0], [0.0, -1.0]])
C = jnp.array([[1.0, 2.0], [1.0, 0.0]])


def forward(weights, cut):
    b = x @ weights["A"] @ weights["B"]
    c = cut(b) @ weights["C"]
    loss_1 = (b**2).sum()
    loss_2 = ((c - 1) ** 2).sum()
    return {"loss 1": loss_1, "loss 2": loss_2, "both": loss_1 + loss_2}


def same(b):
    return b


recorded = {}
for name, cut in [("cut", jax.lax.stop_gradient), ("no cut", same)]:
    three = jax.jacrev(forward)({"A": A, "B": B, "C": C}, cut)
    for loss in ("loss 1", "loss 2", "both"):
        values = {layer: g.tolist() for layer, g in three[loss].items()}
        recorded[f"{name}, {loss}"] = values
