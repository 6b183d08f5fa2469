"""Which of A, B, C gets a gradient from which loss."""

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()


def gradients(cut):
    x = tf.constant([[1.0, 2.0]])
    A = tf.Variable([[1.0, 0.0], [1.0, 1.0]])
    B = tf.Variable([[1.0, 1.0], [0.0, -1.0]])
    C = tf.Variable([[1.0, 2.0], [1.0, 0.0]])
    b = x @ A @ B
    c = cut(b) @ C
    loss_1 = tf.reduce_sum(b**2)
    loss_2 = tf.reduce_sum((c - 1) ** 2)
    losses = {"loss 1": loss_1, "loss 2": loss_2, "both": loss_1 + loss_2}
    return {n: tf.gradients(loss, [A, B, C]) for n, loss in losses.items()}


def value(gradient):
    return None if gradient is None else session.run(gradient).tolist()


recorded = {}
for name, cut in [("cut", tf.stop_gradient), ("no cut", tf.identity)]:
    for loss, three in gradients(cut).items():
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            recorded[f"{name}, {loss}"] = dict(zip("ABC", map(value, three)))
