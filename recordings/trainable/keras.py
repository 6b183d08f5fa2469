"""A layer is not trainable: what its list, a tape and a fit make of it."""

import keras
import numpy as np
import tensorflow as tf

x, y = np.array([[1.0, 2.0]]), np.array([[5.0]])
first = keras.layers.Dense(2, use_bias=False, kernel_initializer="ones")
last = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
model = keras.Sequential([keras.Input((2,)), first, last])
first.trainable = False

with tf.GradientTape() as tape:
    loss = tf.reduce_sum((model(x) - y) ** 2)
asked = tape.gradient(loss, first.kernel.value)

model.compile(keras.optimizers.SGD(0.01), "mse")
model.fit(x, y, verbose=0)
recorded = {
    "first.trainable_variables": [v.name for v in first.trainable_variables],
    "first.kernel.value.trainable": first.kernel.value.trainable,
    "gradient of first, when the tape is asked": asked.numpy(),
    "first after a fit": first.kernel.numpy(),
    "last after a fit": last.kernel.numpy(),
}
