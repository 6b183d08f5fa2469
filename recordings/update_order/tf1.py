"""A step may change w1 before the gradient of w2 has read it."""

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
sgd = tf.train.GradientDescentOptimizer(1.0)


def count(resource, gate):
    w1 = tf.Variable(tf.ones([2, 3]), use_resource=resource)
    w2 = tf.Variable(tf.ones([3, 4]), use_resource=resource)
    output = tf.ones([3, 2]) @ w1
    second = tf.reduce_sum(tf.stop_gradient(output) @ w2)
    step = sgd.minimize(tf.reduce_sum(output) + second, gate_gradients=gate)
    seen = {"old": 0, "new": 0}
    for _ in range(100):
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            session.run(step)
            seen["old" if w2.eval()[0, 0] < 0 else "new"] += 1
    return seen


unstable = {"reference variables", "resource variables"}  # a race
recorded = {"reference variables": count(False, sgd.GATE_OP)}
recorded["resource variables"] = count(True, sgd.GATE_OP)
recorded["GATE_GRAPH"] = count(False, sgd.GATE_GRAPH)
