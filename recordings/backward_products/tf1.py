"""How many matrix products the backward of 12 layers has, and runs."""

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
FULL = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)


def products(frozen=0, cut=None, ask=0, step=0):
    tf.reset_default_graph()
    h = tf.Variable(tf.ones([2, 4]), trainable=False)
    layers = [tf.Variable(tf.eye(4), trainable=n >= frozen) for n in range(12)]
    for n, weight in enumerate(layers):
        h = (tf.stop_gradient(h) if n == cut else h) @ weight
    sgd = tf.train.GradientDescentOptimizer(0.1)
    pairs = sgd.compute_gradients(h, layers[ask:] if ask else None)
    update, ran = sgd.apply_gradients(pairs[step:]), tf.RunMetadata()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(update, options=FULL, run_metadata=ran)
    devices, ops = ran.step_stats.dev_stats, h.graph.get_operations()
    seen = {node.node_name for one in devices for node in one.node_stats}
    back = [op.name for op in ops if op.type == "MatMul" and "grad" in op.name]
    return {"built": len(back), "executed": len(seen.intersection(back))}


changes = {"plain": {}, "var_list of the top half": {"ask": 6}}
changes |= {"trainable=False below": {"frozen": 6}, "cut": {"cut": 6}}
changes["all asked, top half stepped"] = {"step": 6}
recorded = {name: products(**change) for name, change in changes.items()}
