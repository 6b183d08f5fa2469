"""Stop after three steps, restore all or some, and go on."""

from tempfile import TemporaryDirectory

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
w, v = tf.Variable([3.0, -1.0], name="w"), tf.Variable(2.0, name="v")
loss = tf.reduce_sum((w * v - 1) ** 2)
step = tf.train.MomentumOptimizer(0.01, 0.9).minimize(loss)
some = {"all": None, "w and v": [w, v], "w alone": [w]}
savers = {name: tf.train.Saver(which) for name, which in some.items()}


def train(steps):
    for _ in range(steps):
        session.run(step)
    return {"w": w.eval(), "v": v.eval()}


with TemporaryDirectory() as folder, tf.Session() as session:
    session.run(tf.global_variables_initializer())
    recorded = {"after 3 steps": train(3)}
    file = savers["all"].save(session, f"{folder}/model")
    recorded["after 6 steps"] = train(3)
    for name in some:
        session.run(tf.global_variables_initializer())
        savers[name].restore(session, file)
        recorded[f"{name} restored"] = train(0)
        recorded[f"{name} restored, 3 steps more"] = train(3)
