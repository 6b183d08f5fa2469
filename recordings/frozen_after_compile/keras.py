"""trainable is set to False: before a fit, after one, and compiled again."""

import keras
import numpy as np

x, y = np.array([[1.0, 2.0]]), np.array([[5.0]])


def moved(first_fit, compile_again, eagerly=False):
    one = keras.layers.Dense(2, kernel_initializer="ones")
    two = keras.layers.Dense(1, kernel_initializer="ones")
    model = keras.Sequential([keras.Input((2,)), one, two])
    model.compile(keras.optimizers.SGD(0.01), "mse", run_eagerly=eagerly)
    if first_fit:
        model.fit(x, y, verbose=0)
    one.trainable = False
    if compile_again:
        model.compile(keras.optimizers.SGD(0.01), "mse", run_eagerly=eagerly)
    before = {"frozen": one.kernel.numpy(), "other": two.kernel.numpy()}
    model.fit(x, y, verbose=0)
    after = {"frozen": one.kernel.numpy(), "other": two.kernel.numpy()}
    return {name: bool((after[name] != before[name]).any()) for name in after}


recorded = {
    "set before the first fit": moved(False, False),
    "set after a fit": moved(True, False),
    "set after a fit, compiled again": moved(True, True),
    "set after a fit, run_eagerly": moved(True, False, eagerly=True),
}
