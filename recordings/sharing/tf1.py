"""A layer that is called twice: which variables and outputs there are."""

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()


def layer(make):
    w = make("h1_weights", shape=[2, 3])
    return tf.matmul(tf.ones([4, 2]), w, name="out").name


def variable(name, shape):
    return tf.Variable(tf.ones(shape), name=name)


recorded = {}
for scope in (tf.name_scope, tf.variable_scope):
    for make in (variable, tf.get_variable):
        how = f"{make.__name__} in {scope.__name__}"
        with tf.Graph().as_default(), scope("s") as entered:
            outputs = [layer(make)]
            try:
                outputs.append(layer(make))
            except ValueError as error:
                recorded.setdefault("error", str(error).split(" Orig")[0])
                if scope is tf.variable_scope:
                    entered.reuse_variables()
                    outputs.append(layer(make))
            recorded[how] = [v.name for v in tf.global_variables()] + outputs
