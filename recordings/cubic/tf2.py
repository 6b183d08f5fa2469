"""The derivative of 2 x^3, and of 3 + y^2 by both x and y."""

import tensorflow as tf

x = tf.Variable(2.0)
with tf.GradientTape(persistent=True) as tape:
    y = 2 * x**3
    z = 3 + y**2

by_x = tape.gradient(y, x)
by_both = tape.gradient(z, [x, y])
recorded = {
    "tape.gradient(y, x)": float(by_x),
    "tape.gradient(z, [x, y])": [float(one) for one in by_both],
}
