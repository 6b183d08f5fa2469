"""The same graph; the variables to step are found by their scope."""

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
TRAINABLE = tf.GraphKeys.TRAINABLE_VARIABLES

with tf.variable_scope("params"):
    w, b = tf.Variable(3.0, name="w"), tf.Variable(1.0, name="b")
with tf.variable_scope("input"):
    x, y_ = tf.Variable(2.0, name="x"), tf.Variable(5.0, name="y_")
with tf.variable_scope("params_2"):
    tf.Variable(0.0, name="c")
f = (y_ - (w * x + b)) ** 2

found = tf.get_collection(TRAINABLE, scope="params/")
prefix = tf.get_collection(TRAINABLE, scope="params")
step = tf.train.GradientDescentOptimizer(1.0).minimize(f, var_list=found)

with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    session.run(step)
    recorded = {
        "scope='params/'": [v.name for v in found],
        "scope='params'": [v.name for v in prefix],
        "values after": session.run(dict(x=x, w=w, b=b, y_=y_, f=f)),
    }
