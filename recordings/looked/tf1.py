"""A look between the first step and the second: the losses of four steps."""

import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
context, word = [[1, 2, 4, 5], [2, 3, 5, 6]], np.array([[3], [4]])


def train(how):
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(2)
        table, weight = (tf.Variable(tf.ones([9, 2])) for _ in "ab")
        embed = tf.nn.embedding_lookup(table, context)
        hidden = tf.reduce_mean(embed, 1)
        parts = weight, tf.Variable(tf.zeros([9])), word, hidden
        loss = tf.reduce_mean(tf.nn.nce_loss(*parts, 3, 9))
        step = tf.train.GradientDescentOptimizer(0.5).minimize(loss)
        grad = [] if how == "no look" else tf.gradients(loss, [embed])
        looks = {"hidden": [hidden], "gradient": grad}
        beside = grad if how == "in the run of a step" else []
        session.run(tf.global_variables_initializer())
        losses = [session.run([loss, step])[0]]
        session.run(looks.get(how, []))
        more = [session.run([loss, step, *beside])[0] for _ in range(3)]
        return losses + more


hows = "no look", "only built", "hidden", "gradient", "in the run of a step"
recorded = {how: train(how) for how in hows}
