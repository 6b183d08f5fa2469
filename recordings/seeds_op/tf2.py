"""The same seed, given to two draws, one after the other."""

import tensorflow as tf

c = tf.random.uniform([], -10, 10, seed=2)
d = tf.random.uniform([], -10, 10, seed=2)

recorded = {"c, then d with the same seed": [c.numpy(), d.numpy()]}
