"""The derivative of 2 x^3, and of 3 + y^2 by both x and y."""

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()

x = tf.Variable(2.0)
y = 2 * x**3
z = 3 + y**2
by_x = tf.gradients(y, x)
by_both = tf.gradients(z, [x, y])

with tf.Session() as session:
    session.run(x.initializer)
    recorded = {
        "tf.gradients(y, x)": session.run(by_x),
        "tf.gradients(z, [x, y])": session.run(by_both),
        "type of what tf.gradients returns": type(by_x).__name__,
    }
