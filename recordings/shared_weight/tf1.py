"""A weight that is used twice, and one of the two uses cut."""

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()

w = tf.Variable(3.0)
both = w * 2 + w * 5
first = w * 2 + tf.stop_gradient(w) * 5

with tf.Session() as session:
    session.run(w.initializer)
    recorded = {
        "w * 2 + w * 5": session.run(both),
        "its gradient": session.run(tf.gradients(both, w)),
        "with the second use cut": session.run(first),
        "the gradient then": session.run(tf.gradients(first, w)),
    }
