"""w1 learns the product of w2 and w3, and these two shall stay."""

import json
from pathlib import Path

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
data = json.loads(Path("tests/data/source_001_product.json").read_text())


def train(cut, only_w1):
    w1, w2, w3 = [tf.Variable(data[n]) for n in ("w1", "w2", "w3")]
    target = cut(tf.linalg.matvec(data["x"], w2 * w3))
    loss = tf.reduce_mean((tf.linalg.matvec(data["x"], w1) - target) ** 2)
    sgd = tf.train.GradientDescentOptimizer(0.1)
    step = sgd.minimize(loss, var_list=[w1] if only_w1 else None)
    distance = tf.reduce_max(tf.abs(w1 - w2 * w3))
    watched = dict(loss=loss, distance=distance, w1=w1, w2=w2, w3=w3)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for n in range(151):
            if n in (0, 1, 50, 100, 150):
                yield f"after {n} steps", session.run(watched)
            session.run(step)


recorded = {"cut": dict(train(tf.stop_gradient, only_w1=False))}
recorded["var_list"] = dict(train(tf.identity, only_w1=True))
recorded["neither"] = dict(train(tf.identity, only_w1=False))
