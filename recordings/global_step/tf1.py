"""A variable that is not trainable, and changes at every step."""

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()

w = tf.Variable(1.0, name="w")
global_step = tf.Variable(0, trainable=False, name="global_step")
sgd = tf.train.GradientDescentOptimizer(0.1)
step = sgd.minimize(w * w, global_step=global_step)

with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    counts = [session.run(global_step)]
    for _ in range(3):
        session.run(step)
        counts.append(session.run(global_step))

recorded = {
    "trainable variables": [v.name for v in tf.trainable_variables()],
    "global_step": counts,
}
