"""Three batches of rows, five optimizers: the rows that each step moved."""

import keras
import numpy as np
import tensorflow as tf

batches = [[1, 2], [5, 6], [9, 9]]
optimizers = {
    "SGD": keras.optimizers.SGD(0.1),
    "SGD, momentum 0.9": keras.optimizers.SGD(0.1, momentum=0.9),
    "RMSprop": keras.optimizers.RMSprop(0.1),
    "Adam": keras.optimizers.Adam(0.1),
    "AdamW": keras.optimizers.AdamW(0.1),
}
recorded = {}
for name, optimizer in optimizers.items():
    table = keras.Variable(np.ones([12, 3], "float32"))
    moved = recorded[name] = []
    for batch in batches:
        before = table.numpy()
        with tf.GradientTape() as tape:
            rows = tf.nn.embedding_lookup(table.value, batch)
            loss = tf.reduce_sum(rows**2)
        gradient = tape.gradient(loss, table.value)
        optimizer.apply([gradient], [table])
        changed = (table.numpy() != before).any(1)
        moved.append(np.flatnonzero(changed).tolist())
recorded["gradient"] = type(gradient).__name__
