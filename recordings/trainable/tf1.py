"""x and y_ are not trainable: what tf.gradients and a step make of it."""

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()

w, b = tf.Variable(3.0, name="w"), tf.Variable(1.0, name="b")
x = tf.Variable(2.0, trainable=False)
y_ = tf.Variable(5.0, trainable=False)
p = w * x
y = p + b
s = -y
t = s + y_
f = t * t

value = dict(x=x, w=w, b=b, p=p, y=y, y_=y_, s=s, t=t, f=f)
gradient = dict(zip(value, tf.gradients(f, list(value.values()))))
step = tf.train.GradientDescentOptimizer(1.0).minimize(f)
step_x = tf.train.GradientDescentOptimizer(1.0).minimize(f, var_list=[x])

with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    recorded = {"trainable": [v.name for v in tf.trainable_variables()]}
    recorded["values before"] = session.run(value)
    recorded["gradients before"] = session.run(gradient)
    session.run(step)
    recorded["values after"] = session.run(value)
    recorded["gradients after"] = session.run(gradient)
    session.run(step_x)
    recorded["x after minimize(f, var_list=[x])"] = session.run(x)
