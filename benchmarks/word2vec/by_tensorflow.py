"""The same training in TensorFlow, written in three ways. Runs in an interpreter that has TensorFlow, not gradflow."""

from __future__ import annotations

import importlib.metadata
import os
import time
from collections.abc import Callable
from itertools import islice
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow.compat.v1 as tf

from benchmarks.word2vec.streams import batches_of_pairs, ready

TURNS = 100  # steps that one call of the fastest way makes

Advance = Callable[[int], float]
"""Makes so many steps; the sum of their losses."""

Options = dict[str, Any]
"""Gradflow's settings, by their names."""


def session(text: str, warm: int, steps: int, **given: Any) -> dict[str, float]:
    """As the lecture writes it: a generator in Python behind `tf.data`, and `session.run` for each step."""
    tf.disable_v2_behavior()
    ids = np.load(f"{text}/ids.npy").tolist()
    shapes = tf.TensorShape([given["batch"]]), tf.TensorShape([given["batch"], 1])
    data = tf.data.Dataset.from_generator(
        lambda: batches_of_pairs(ids, given["window"], given["batch"]), (tf.int32, tf.int32), shapes
    )
    iterator = tf.data.make_initializable_iterator(data)
    loss = model(variables(given, use_resource=False), *iterator.get_next(), given)
    optimizer = tf.train.GradientDescentOptimizer(given["learning_rate"]).minimize(loss)
    with tf.Session() as running:
        running.run([iterator.initializer, tf.global_variables_initializer()])

        def advance(count: int) -> float:
            total = 0.0
            for _ in range(count):
                value, _ = running.run([loss, optimizer])
                total += float(value)
            return total

        return timed(advance, warm, steps)


def fed(text: str, warm: int, steps: int, **given: Any) -> dict[str, float]:
    """Batches made many at a time by NumPy, a callable that is prepared once, and resource variables."""
    tf.disable_v2_behavior()
    centers, targets = tf.placeholder(tf.int32, [given["batch"]]), tf.placeholder(tf.int32, [given["batch"], 1])
    loss = model(variables(given, use_resource=True), centers, targets, given)
    with tf.control_dependencies([tf.train.GradientDescentOptimizer(given["learning_rate"]).minimize(loss)]):
        after = tf.identity(loss)
    with tf.Session(config=threads()) as running:
        running.run(tf.global_variables_initializer())
        step = running.make_callable(after, feed_list=[centers, targets])
        stream = ready(np.load(f"{text}/ids.npy"), given["batch"])
        return timed(lambda count: sum(float(step(*batch)) for batch in islice(stream, count)), warm, steps)


def looped(text: str, warm: int, steps: int, **given: Any) -> dict[str, float]:
    """The same, and a hundred steps in one call by `tf.while_loop`."""
    tf.disable_v2_behavior()
    centers, targets = (
        tf.placeholder(tf.int32, [TURNS, given["batch"]]),
        tf.placeholder(tf.int32, [TURNS, given["batch"], 1]),
    )
    tables = variables(given, use_resource=True)

    def body(turn: Any, total: Any) -> tuple[Any, Any]:
        loss = model(tables, centers[turn], targets[turn], given)
        with tf.control_dependencies([tf.train.GradientDescentOptimizer(given["learning_rate"]).minimize(loss)]):
            return turn + 1, total + loss

    start = tf.constant(0), tf.constant(0.0)
    _, total = tf.while_loop(lambda turn, _: turn < TURNS, body, start, parallel_iterations=1)
    with tf.Session(config=threads()) as running:
        running.run(tf.global_variables_initializer())
        call = running.make_callable(total, feed_list=[centers, targets])
        stream = ready(np.load(f"{text}/ids.npy"), given["batch"])

        def advance(count: int) -> float:
            several = (map(np.stack, zip(*islice(stream, TURNS), strict=True)) for _ in range(count // TURNS))
            return sum(float(call(*some)) for some in several)

        return timed(advance, warm, steps)


def variables(given: Options, *, use_resource: bool) -> tuple[Any, Any, Any]:
    """The three tables, as the lecture starts them."""
    tf.set_random_seed(0)
    shape = [given["vocabulary"], given["embedding"]]
    normal = tf.truncated_normal_initializer(stddev=1.0 / given["embedding"] ** 0.5)
    return (
        tf.get_variable("embedding", shape, initializer=tf.random_uniform_initializer(), use_resource=use_resource),
        tf.get_variable("weight", shape, initializer=normal, use_resource=use_resource),
        tf.get_variable("bias", initializer=tf.zeros(shape[:1]), use_resource=use_resource),
    )


def model(tables: tuple[Any, Any, Any], centers: Any, targets: Any, given: Options) -> Any:
    """The mean loss of a batch."""
    embedding, weight, bias = tables
    inputs = tf.nn.embedding_lookup(embedding, centers)
    losses = tf.nn.nce_loss(weight, bias, targets, inputs, given["negatives"], given["vocabulary"])
    return tf.reduce_mean(losses)


def threads() -> Any:
    """One thread for each core this process may use."""
    cores = len(os.sched_getaffinity(0))
    return tf.ConfigProto(intra_op_parallelism_threads=cores, inter_op_parallelism_threads=cores)


def timed(advance: Advance, warm: int, steps: int) -> dict[str, float]:
    """The seconds of ``steps`` steps that come after ``warm`` others, and their mean loss."""
    advance(warm)
    start = time.perf_counter()
    total = advance(steps)
    return {"seconds": time.perf_counter() - start, "steps": steps, "loss": total / steps}


def present() -> dict[str, str]:
    """Which TensorFlow this is."""
    return {"version": importlib.metadata.version("tensorflow")}
