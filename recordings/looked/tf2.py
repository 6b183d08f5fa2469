"""A look between the first step and the second: the losses of four steps."""

import numpy as np
import tensorflow as tf

context, word = [[1, 2, 4, 5], [2, 3, 5, 6]], np.array([[3], [4]])


def train(acts):
    tf.random.set_seed(2)
    table, weight = (tf.Variable(tf.ones([9, 2])) for _ in "ab")
    variables = [table, weight, tf.Variable(tf.zeros([9]))]
    losses = []
    for act in acts:
        with tf.GradientTape(persistent=True) as tape:
            embed = tf.nn.embedding_lookup(table, context)
            tape.watch(embed)
            parts = *variables[1:], word, tf.reduce_mean(embed, 1)
            loss = tf.reduce_mean(tf.nn.nce_loss(*parts, 3, 9))
        if act == "look":
            tape.gradient(loss, embed)
        else:
            losses.append(loss.numpy())
            for each, grad in zip(variables, tape.gradient(loss, variables)):
                each.assign_sub(0.5 * tf.convert_to_tensor(grad))
    return losses


recorded = {"no look": train(["step"] * 4)}
recorded["gradient"] = train(["step", "look", "step", "step", "step"])
