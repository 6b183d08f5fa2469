"""A seed for the graph: each random op gets one of its own from it."""

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()


def draw(*seeds):
    tf.reset_default_graph()
    tf.set_random_seed(2)
    pair = [tf.random_uniform([], -10, 10, seed=seed) for seed in seeds]
    with tf.Session() as session:
        return session.run(pair), session.graph.get_operations()


pair, ops = draw(None, None)
again, _ = draw(None, None)
given, _ = draw(3, 10)
draws = [op for op in ops if op.type == "RandomUniform"]
recorded = {
    "c and d": pair,
    "c and d, in another graph": again,
    "seeds of c": [draws[0].get_attr(n) for n in ("seed", "seed2")],
    "seeds of d": [draws[1].get_attr(n) for n in ("seed", "seed2")],
    "c and d with the op seeds 3 and 10": given,
    "nodes": [op.type for op in ops],
}
