"""Stop after three steps, save and restore all or some, and go on."""

from tempfile import TemporaryDirectory

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
w, v = tf.Variable([3.0, -1.0], name="w"), tf.Variable(2.0, name="v")
loss = tf.reduce_sum((w * v - 1) ** 2)
step = tf.train.MomentumOptimizer(0.01, 0.9).minimize(loss)
by_name = {each.op.name: each for each in [w, v]}
some = {"a list": [w, v], "a dictionary": {"w": w, "v": v}, "names": by_name}
savers = {how: tf.train.Saver(some.get(how)) for how in ("all", *some)}


def train(steps):
    for _ in range(steps):
        session.run(step)
    return {"w": w.eval(), "v": v.eval()}


with TemporaryDirectory() as folder, tf.Session() as session:
    session.run(tf.global_variables_initializer())
    recorded = {"after 3 steps": train(3)}
    files = {n: s.save(session, f"{folder}/{n}") for n, s in savers.items()}
    recorded["after 6 steps"] = train(3)
    for n, file in files.items():
        session.run(tf.global_variables_initializer())
        savers[n].restore(session, file)
        recorded[n] = train(3) | {"kept": dict(tf.train.list_variables(file))}
