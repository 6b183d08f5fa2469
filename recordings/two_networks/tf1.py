"""Two networks, two losses, two optimizers: which weight moves when."""

import json
from pathlib import Path

import tensorflow.compat.v1 as tf

tf.disable_eager_execution()
data = json.loads(Path("tests/data/source_000.json").read_text())


def train(cut, choose):
    w = {1: tf.Variable(tf.ones([2, 3])), 2: tf.Variable(tf.ones([3, 4]))}
    output = data["X"] @ w[1]
    losses = {1: output - data["Y1"], 2: cut(output) @ w[2] - data["Y2"]}
    sgd = tf.train.GradientDescentOptimizer(1.0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for phase, n in [("optimizer 2", 2), ("1", 1), ("2 again", 2)]:
            step = sgd.minimize(losses[n], var_list=[w[n]] if choose else None)
            for _ in range(3):
                session.run(step)
            yield f"3 steps of {phase}", {"w1": w[1].eval(), "w2": w[2].eval()}


recorded = {}
for name, cut in [("cut", tf.stop_gradient), ("no cut", tf.identity)]:
    for how, choose in [("var_list", True), ("no var_list", False)]:
        tf.reset_default_graph()
        recorded[f"{name}, {how}"] = dict(train(cut, choose))
