"""Without arguments, random_uniform_initializer draws from 0 to 1."""

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
tf.set_random_seed(0)
table = tf.get_variable(
    "embed_matrix",
    shape=[1000, 128],
    initializer=tf.random_uniform_initializer(),
)
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    drawn = session.run(table)
recorded = {"least": drawn.min(), "largest": drawn.max(), "mean": drawn.mean()}
