"""Four summaries of a step, merged into one op and run with it."""

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
w = tf.Variable([3.0, -1.0])
loss = tf.reduce_sum((w - 1) ** 2)
step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
tf.summary.scalar("loss", loss)
tf.summary.histogram("histogram loss", loss)
tf.summary.histogram("weights", w)
tf.summary.image("weights as an image", tf.reshape(w, [1, 1, 2, 1]))
merged = tf.summary.merge_all()

with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    before, _, written = session.run([loss, step, merged])
values = tf.Summary.FromString(written).value
histograms = [value for value in values if value.HasField("histo")]
recorded = {
    "loss": before,
    "tags": [value.tag for value in values],
    "values in a histogram": {v.tag: v.histo.num for v in histograms},
}
