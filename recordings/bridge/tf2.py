"""Which of A, B, C gets a gradient from which loss."""

import tensorflow as tf

x = tf.constant([[1.0, 2.0]])
A = tf.Variable([[1.0, 0.0], [1.0, 1.0]])
B = tf.Variable([[1.0, 1.0], [0.0, -1.0]])
C = tf.Variable([[1.0, 2.0], [1.0, 0.0]])


def value(gradient):
    return None if gradient is None else gradient.numpy().tolist()


recorded = {}
for name, cut in [("cut", tf.stop_gradient), ("no cut", tf.identity)]:
    with tf.GradientTape(persistent=True) as tape:
        b = x @ A @ B
        c = cut(b) @ C
        loss_1 = tf.reduce_sum(b**2)
        loss_2 = tf.reduce_sum((c - 1) ** 2)
        both = loss_1 + loss_2
    losses = {"loss 1": loss_1, "loss 2": loss_2, "both": both}
    for loss, one in losses.items():
        three = tape.gradient(one, [A, B, C])
        recorded[f"{name}, {loss}"] = dict(zip("ABC", map(value, three)))
