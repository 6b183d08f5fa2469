"""One cut at six places: who has a gradient, and whether a step works."""

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()


def gradients(place):
    def here(name, value):
        return tf.stop_gradient(value) if name == place else value

    tf.reset_default_graph()
    x = tf.placeholder(tf.float32, [3, 2])
    w1 = tf.Variable(tf.ones([2, 3]), name="w1")
    w2 = tf.Variable(tf.ones([3, 4]), name="w2")
    hidden = here("hidden", here("input", x) @ here("w1", w1))
    loss = here("output", hidden @ here("w2", w2)) - 1.0
    yield "w1", "None" if tf.gradients(loss, w1)[0] is None else "value"
    yield "w2", "None" if tf.gradients(loss, w2)[0] is None else "value"
    try:
        tf.train.GradientDescentOptimizer(1.0).minimize(loss)
        yield "minimize", "no error"
    except ValueError as error:
        yield "minimize", f"ValueError: {error}"


places = ["nowhere", "input", "w1", "hidden", "w2", "output"]
recorded = {place: dict(gradients(place)) for place in places}
