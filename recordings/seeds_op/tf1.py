"""A seed for one random op."""

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()

c = tf.random_uniform([], -10, 10, seed=2)
d = tf.random_uniform([], -10, 10, seed=2)

with tf.Session() as session:
    recorded = {"two runs of c": [session.run(c), session.run(c)]}
with tf.Session() as session:
    recorded["c in a new session"] = session.run(c)
with tf.Session() as session:
    recorded["c, then d with the same seed"] = [session.run(c), session.run(d)]

draws = [op for op in c.graph.get_operations() if op.type == "RandomUniform"]
recorded["seeds of c"] = [draws[0].get_attr(n) for n in ("seed", "seed2")]
recorded["seeds of d"] = [draws[1].get_attr(n) for n in ("seed", "seed2")]
