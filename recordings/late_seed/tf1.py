"""A seed for the graph, set again before each run of an op."""

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
tf.set_random_seed(2)
c = tf.random_uniform([])
recorded = {"seed of c": c.op.get_attr("seed")}

with tf.Session() as session:
    recorded["runs of c"] = [session.run(c) for _ in range(3)]

with tf.Session() as session:
    again = recorded["runs of c, each after a seed"] = []
    for _ in range(3):
        tf.set_random_seed(5)
        again.append(session.run(c))
recorded["seed of c in the end"] = c.op.get_attr("seed")
