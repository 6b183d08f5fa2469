"""A run steps a weight and returns it: the new value, or the old one?"""

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
x, y1, y2 = (tf.placeholder(tf.float32, [3, n]) for n in (2, 3, 4))
feed = {x: [[1, 2]] * 3, y1: [[0] * 3] * 3, y2: [[0] * 4] * 3}


def count(resource, wait=False):
    w1 = tf.Variable(tf.ones([2, 3]), use_resource=resource)
    w2 = tf.Variable(tf.ones([3, 4]), use_resource=resource)
    one, two = x @ w1 - y1, tf.stop_gradient(x @ w1) @ w2 - y2
    seen, turns = {"old": 0, "new": 0}, []
    for w, loss in [(w1, one), (w2, two)]:
        step = tf.train.GradientDescentOptimizer(1.0).minimize(loss)
        with tf.control_dependencies([step] if wait else []):
            turns.append((w, [w1, w2, step, w.read_value() if wait else w]))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for w, run in [turns[n] for n in [1, 1, 1, 0, 0, 0, 1, 1, 1] * 100]:
            fetched = session.run(run, feed)[-1]
            seen["new" if (fetched == w.eval()).all() else "old"] += 1
    return seen


unstable, recorded = {"resource variables"}, {}  # a race
for kind in ("resource", "reference"):
    recorded[f"{kind} variables"] = count(kind == "resource")
    recorded[f"{kind}, wait for the step"] = count(kind == "resource", True)
