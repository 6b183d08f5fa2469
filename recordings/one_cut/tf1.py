"""Three steps of two matrices, with a cut and without: a column each."""

import json
from pathlib import Path

import tensorflow.compat.v1 as tf

tf.disable_eager_execution()
data = json.loads(Path("tests/data/source_000.json").read_text())


def steps(cut):
    w1 = tf.Variable(tf.ones([2, 3]))
    w2 = tf.Variable(tf.ones([3, 4]))
    loss = cut(data["X"] @ w1) @ w2 - data["Y2"]  # a matrix: summed up
    step = tf.train.GradientDescentOptimizer(1.0).minimize(loss)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for n in (1, 2, 3):
            session.run(step)
            yield f"step {n}", {"w1": w1.eval()[:, 0], "w2": w2.eval()[:, 0]}


recorded = {"cut": dict(steps(tf.stop_gradient))}
tf.reset_default_graph()
recorded["no cut"] = dict(steps(tf.identity))
