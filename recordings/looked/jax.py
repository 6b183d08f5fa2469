"""A look between the first step and the second: the losses of four steps."""

import jax
from jax import numpy as jnp

context, word = jnp.array([[1, 2, 4, 5], [2, 3, 5, 6]]), jnp.array([3, 4])


def loss(embed, weight, key):
    wrong = jax.random.randint(key, [3], 0, 9)
    scores = embed.mean(1) @ weight[jnp.append(word, wrong)].T
    costs = jax.nn.softplus(scores[:, 2:]).sum(1)
    return (jax.nn.softplus(-jnp.diag(scores)) + costs).mean()


def train(acts):
    table, weight, losses = jnp.ones([9, 2]), jnp.ones([9, 2]), []
    for act in acts:
        key = jax.random.key(len(losses))  # by the number of the step
        embed = table[context]
        grad = jax.grad(loss, (0, 1))(embed, weight, key)
        if act == "step":
            losses.append(loss(embed, weight, key).item())
            table = table.at[context].add(-0.5 * grad[0])
            weight = weight - 0.5 * grad[1]
    return losses


recorded = {"no look": train(["step"] * 4)}
recorded["gradient"] = train(["step", "look", "step", "step", "step"])
