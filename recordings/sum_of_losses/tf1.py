"""Both losses in one sum, and one optimizer: with a cut and without."""

import json
from pathlib import Path

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
data = json.loads(Path("tests/data/source_000.json").read_text())


def step(cut):
    w1 = tf.Variable(tf.ones([2, 3]))
    w2 = tf.Variable(tf.ones([3, 4]))
    output = data["X"] @ w1
    loss_1, loss_2 = output - data["Y1"], cut(output) @ w2 - data["Y2"]
    both = tf.reduce_sum(loss_1) + tf.reduce_sum(loss_2)
    gradient = dict(zip(["w1", "w2"], tf.gradients(both, [w1, w2])))
    sgd = tf.train.GradientDescentOptimizer(1.0)  # first all gradients:
    update = sgd.minimize(both, gate_gradients=sgd.GATE_GRAPH)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        yield "gradient", session.run(gradient)
        session.run(update)
        yield "after one step", {"w1": w1.eval(), "w2": w2.eval()}


recorded = {"cut": dict(step(tf.stop_gradient))}
tf.reset_default_graph()
recorded["no cut"] = dict(step(tf.identity))
