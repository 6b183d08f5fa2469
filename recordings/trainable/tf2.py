"""x and y_ are not trainable: what a tape makes of it."""

import tensorflow as tf

w, b = tf.Variable(3.0), tf.Variable(1.0)
x = tf.Variable(2.0, trainable=False)
y_ = tf.Variable(5.0, trainable=False)


def gradients(watched):
    with tf.GradientTape() as tape:
        tape.watch(watched)
        f = (y_ - (w * x + b)) ** 2
    found = tape.gradient(f, dict(x=x, w=w, b=b, y_=y_))
    return {n: None if g is None else float(g) for n, g in found.items()}


recorded = {
    "gradients": gradients([]),
    "gradients, with x and y_ watched": gradients([x, y_]),
}
