"""The arguments of two functions, and labels and inputs exchanged."""

import inspect

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
recorded = {}
for each in (tf.nn.embedding_lookup, tf.nn.nce_loss):
    recorded[each.__name__] = list(inspect.signature(each).parameters)
weights, biases = tf.ones([12, 3]), tf.zeros([12])
inputs, labels = tf.ones([4, 3]), tf.zeros([4, 1], tf.int64)
try:
    tf.nn.nce_loss(weights, biases, inputs, labels, 5, 12)
except ValueError as error:
    recorded["exchanged"] = str(error).split(" for ")[0]
