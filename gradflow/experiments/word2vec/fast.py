"""The scatter step, compiled by Numba: several steps a call, without PyTorch's cost per operation.

One thread, one order of additions: two runs give the same bits, and a run that is resumed too.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gradflow.experiments.word2vec.errors import Word2VecError
from gradflow.experiments.word2vec.tables import Tables
from gradflow.experiments.word2vec.updates import Batch

try:
    from numba import njit
    from threadpoolctl import threadpool_limits
except ImportError:
    raise Word2VecError("--backend numba needs Numba: pip install 'gradflow-book[fast]'; or take torch") from None

OBJECTIVES = ("nce", "negative-sampling")


def steps(tables: Tables, block: Batch, objective: str, learning_rate: float) -> NDArray[np.float64]:
    """Make several steps in place.

    Args:
        tables: changed.
        block: batches with one dimension more in front: the steps.
        objective: one with a loss of its own for each logit.
        learning_rate: of every step.

    Returns:
        ``f64[step]``, the mean loss of each step before it.

    Raises:
        Word2VecError: the sampled softmax, the full one, or CBOW.
    """
    if objective not in OBJECTIVES or block.given.shape[2] != 1:
        raise Word2VecError(f"--backend numba does skip-gram with {' or '.join(OBJECTIVES)}; take torch for others")
    arrays = (block.given[..., 0], block.target, block.sampled, block.true_log, block.sampled_log)
    rate = np.float32(learning_rate)
    with threadpool_limits(1, "blas"):  # a second thread costs more than it gains at these sizes
        made: NDArray[np.float64] = _steps(
            *(table.numpy() for table in tables), *(part.numpy() for part in arrays), rate
        )  # type: ignore[call-arg]
    return made


@njit(cache=True, fastmath={"contract", "reassoc", "nsz"})
def _steps(E, W, b, given, target, sampled, true_log, sampled_log, rate):  # type: ignore[no-untyped-def]
    """``E, W: f32[word, dim]``; ``given, target: i64[step, batch]``; ``sampled: i64[step, n]``."""
    count, batch = given.shape
    n, dim = sampled.shape[1], E.shape[1]
    hidden = np.empty((batch, dim), np.float32)
    rows = np.empty((n, dim), np.float32)
    losses = np.empty(count)
    for step in range(count):
        for i in range(batch):
            for d in range(dim):
                hidden[i, d] = E[given[step, i], d]
        for k in range(n):
            for d in range(dim):
                rows[k, d] = W[sampled[step, k], d]
        logits = np.dot(hidden, rows.T)
        shift = np.empty(n, np.float32)
        for k in range(n):
            shift[k] = b[sampled[step, k]] - sampled_log[step, k]
        total = _pointwise(logits, shift)
        slope = np.empty(batch, np.float32)
        true = np.empty((batch, dim), np.float32)
        for i in range(batch):
            word = target[step, i]
            product = np.float32(0.0)
            for d in range(dim):
                true[i, d] = W[word, d]
                product += hidden[i, d] * true[i, d]
            logit = product + b[word] - true_log[step, i]
            total += _softplus(-logit)
            slope[i] = np.float32(-1.0 / (1.0 + math.exp(logit)))
        losses[step] = total / batch
        scale = np.float32(-rate / batch)
        back = np.dot(logits, rows)
        by_sampled = np.dot(logits.T, hidden)
        for k in range(n):
            word = sampled[step, k]
            sum_k = np.float32(0.0)
            for i in range(batch):
                sum_k += logits[i, k]
            b[word] += scale * sum_k
            for d in range(dim):
                W[word, d] += scale * by_sampled[k, d]
        for i in range(batch):
            word, center = target[step, i], given[step, i]
            b[word] += scale * slope[i]
            for d in range(dim):
                W[word, d] += scale * slope[i] * hidden[i, d]
                E[center, d] += scale * (back[i, d] + slope[i] * true[i, d])
    return losses


@njit(cache=True, fastmath={"contract", "reassoc", "nsz"})
def _pointwise(logits, shift):  # type: ignore[no-untyped-def]
    """The sum of the softplus of all logits, which become their sigmoids; a logarithm for each row, not each logit."""
    n = logits.shape[1]
    power = np.empty(n, np.int32)
    fraction = np.empty(n, np.float32)
    two_to = power.view(np.float32)
    total = 0.0
    for i in range(logits.shape[0]):
        for k in range(n):
            logits[i, k] += shift[k]
            exponent = max(-abs(logits[i, k]) * np.float32(1.4426950408889634), np.float32(-126.0))
            whole = np.int32(exponent - np.float32(0.5))  # towards zero, so that the rest is within half of zero
            fraction[k] = (exponent - np.float32(whole)) * np.float32(0.6931471805599453)
            power[k] = (whole + np.int32(127)) << np.int32(23)
        for k in range(n):
            fraction[k] = _exp_near_zero(fraction[k]) * two_to[k]  # exp(-|logit|), in (0, 1]
        for start in range(0, n, 512):  # a factor is at most 2, so 512 of them are a float64
            product = 1.0
            for k in range(start, min(start + 512, n)):
                product *= 1.0 + fraction[k]
            total += math.log(product)
        for k in range(n):
            logit = logits[i, k]
            total += max(logit, np.float32(0.0))
            numerator = np.float32(1.0) if logit > 0 else fraction[k]
            logits[i, k] = numerator / (np.float32(1.0) + fraction[k])
    return total


@njit(inline="always")
def _exp_near_zero(x):  # type: ignore[no-untyped-def]
    """The exponential of ``|x| <= 0.35`` by its series: off by less than 2e-8 of itself."""
    result = np.float32(1 / 5040)
    for coefficient in (1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2, 1.0, 1.0):
        result = result * x + np.float32(coefficient)
    return result


@njit(cache=True)
def _softplus(x):  # type: ignore[no-untyped-def]
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))
