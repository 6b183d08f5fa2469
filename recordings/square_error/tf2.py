"""Nine values and nine gradients, before and after one step of all."""

import tensorflow as tf

x, w = tf.Variable(2.0), tf.Variable(3.0)
b, y_ = tf.Variable(1.0), tf.Variable(5.0)
leaves = [x, w, b, y_]


def record(moment):
    with tf.GradientTape() as tape:
        p = w * x
        y = p + b
        s = -y
        t = s + y_
        f = t * t
    value = dict(x=x, w=w, b=b, p=p, y=y, y_=y_, s=s, t=t, f=f)
    gradient = tape.gradient(f, value)
    for what, found in [("values", value), ("gradients", gradient)]:
        numbers = {name: float(one) for name, one in found.items()}
        recorded[f"{what} {moment}"] = numbers
    return [gradient[name] for name in ("x", "w", "b", "y_")]


recorded = {}
for leaf, gradient in zip(leaves, record("before")):
    leaf.assign_sub(1.0 * gradient)
record("after")
