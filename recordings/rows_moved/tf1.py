"""Three batches of rows, five optimizers: the rows that each step moved."""

import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
batches = [[1, 2], [5, 6], [9, 9]]
recorded = {}
for make in (
    lambda: tf.train.GradientDescentOptimizer(0.1),
    lambda: tf.train.MomentumOptimizer(0.1, 0.9),
    lambda: tf.train.AdagradOptimizer(0.1),
    lambda: tf.train.RMSPropOptimizer(0.1),
    lambda: tf.train.AdamOptimizer(0.1),
):
    with tf.Graph().as_default(), tf.Session() as session:
        table = tf.Variable(tf.ones([12, 3]))
        ids = tf.placeholder(tf.int32, [None])
        loss = tf.reduce_sum(tf.nn.embedding_lookup(table, ids) ** 2)
        optimizer = make()
        step = optimizer.minimize(loss)
        session.run(tf.global_variables_initializer())
        moved = recorded[optimizer.get_name()] = []
        for batch in batches:
            before = session.run(table)
            session.run(step, {ids: batch})
            changed = (session.run(table) != before).any(1)
            moved.append(np.flatnonzero(changed).tolist())
