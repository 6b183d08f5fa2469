"""The same graph; the tape is asked for w and b alone."""

import tensorflow as tf

x, w = tf.Variable(2.0), tf.Variable(3.0)
b, y_ = tf.Variable(1.0), tf.Variable(5.0)


def gradients():
    with tf.GradientTape() as tape:
        f = (y_ - (w * x + b)) ** 2
    return tape.gradient(f, {"w": w, "b": b})


def numbers(tree):
    return {name: float(one) for name, one in tree.items()}


found = gradients()
recorded = {"gradients before": numbers(found)}
sgd = tf.keras.optimizers.SGD(1.0)
sgd.apply_gradients([(found["w"], w), (found["b"], b)])
recorded["values after"] = numbers(dict(x=x, w=w, b=b, y_=y_))
recorded["gradients after"] = numbers(gradients())
