"""Fetch a weight and step it in one run: is it the old or the new one?"""

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()


def count(resource, wait):
    w1 = tf.Variable(tf.ones([2, 3]), use_resource=resource)
    w2 = tf.Variable(tf.ones([3, 4]), use_resource=resource)
    loss = tf.ones([3, 2]) @ w1 @ w2
    step = tf.train.GradientDescentOptimizer(1.0).minimize(loss)
    with tf.control_dependencies([step]):
        fetch = w2.read_value() if wait else w2
    seen = {"old": 0, "new": 0}
    for _ in range(300):
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            _, fetched, _ = session.run([w1, fetch, step])
            seen["old" if fetched[0, 0] == 1 else "new"] += 1
    return seen


unstable = {"resource variables"}  # a race
recorded = {
    "resource variables": count(resource=True, wait=False),
    "reference variables": count(resource=False, wait=False),
    "resource, read after the step": count(resource=True, wait=True),
    "reference, read after the step": count(resource=False, wait=True),
}
