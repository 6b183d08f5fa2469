"""When the moving mean and variance of BatchNormalization move."""

import keras
import numpy as np

batch = np.array([[1.0], [3.0], [5.0], [7.0]])


def call(trainable, training):
    layer = keras.layers.BatchNormalization(momentum=0.9)
    layer.build(batch.shape)
    layer.trainable = trainable
    output = layer(batch, training=training)
    return {
        "moving mean": float(layer.moving_mean[0]),
        "moving variance": float(layer.moving_variance[0]),
        "first output": float(output[0, 0]),
    }


recorded = {
    f"trainable={trainable}, training={training}": call(trainable, training)
    for trainable in (True, False)
    for training in (None, True, False)
}
