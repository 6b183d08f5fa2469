"""The same graph; the optimizer is given w and b alone."""

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()

x, w = tf.Variable(2.0), tf.Variable(3.0)
b, y_ = tf.Variable(1.0), tf.Variable(5.0)
p = w * x
y = p + b
s = -y
t = s + y_
f = t * t

value = dict(x=x, w=w, b=b, p=p, y=y, y_=y_, s=s, t=t, f=f)
gradient = dict(zip(value, tf.gradients(f, list(value.values()))))
step = tf.train.GradientDescentOptimizer(1.0).minimize(f, var_list=[w, b])

with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    recorded = {
        "values before": session.run(value),
        "gradients before": session.run(gradient),
    }
    session.run(step)
    recorded["values after"] = session.run(value)
    recorded["gradients after"] = session.run(gradient)
