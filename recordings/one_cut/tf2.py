"""Three steps of two matrices, with a cut and without: a column each."""

import json
from pathlib import Path

import tensorflow as tf

data = json.loads(Path("tests/data/source_000.json").read_text())


def steps(cut):
    w1 = tf.Variable(tf.ones([2, 3]))
    w2 = tf.Variable(tf.ones([3, 4]))
    for n in (1, 2, 3):
        with tf.GradientTape() as tape:
            loss = cut(data["X"] @ w1) @ w2 - data["Y2"]  # summed up
        for w, gradient in zip([w1, w2], tape.gradient(loss, [w1, w2])):
            if gradient is not None:  # w1 behind the cut
                w.assign_sub(1.0 * gradient)
        yield f"step {n}", {"w1": w1.numpy()[:, 0], "w2": w2.numpy()[:, 0]}


recorded = {
    "cut": dict(steps(tf.stop_gradient)),
    "no cut": dict(steps(tf.identity)),
}
