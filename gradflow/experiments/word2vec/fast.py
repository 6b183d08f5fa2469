"""The scatter step, compiled by Numba: several steps a call, without PyTorch's cost per operation.

Pairs that stand together share their given word, and so their logits with the negatives: those are found once. One
thread, one order of additions: two runs give the same bits, and a run that is resumed too.
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
FREEDOM = {"contract", "reassoc", "nsz"}  # sums in another order, so that they run side by side; NaN stays NaN

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]


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
    embedding, weight, bias = (table.numpy() for table in tables)
    given, target, sampled, true_log, sampled_log = (part.numpy() for part in block)
    rate = np.float32(learning_rate)
    with threadpool_limits(1, "blas"):  # a second thread costs more than it gains at these sizes
        return _steps(embedding, weight, bias, given[..., 0], target, sampled, true_log, sampled_log, rate)


@njit(cache=True)
def _steps(
    embedding: Floats,
    weight: Floats,
    bias: Floats,
    given: Ids,
    target: Ids,
    sampled: Ids,
    true_log: Floats,
    sampled_log: Floats,
    rate: np.float32,
) -> NDArray[np.float64]:
    """Arguments as of `_step`, with a dimension more in front from ``given`` to ``sampled_log``."""
    losses = np.empty(len(given))
    for i in range(len(given)):
        losses[i] = _step(embedding, weight, bias, given[i], target[i], sampled[i], true_log[i], sampled_log[i], rate)
    return losses


@njit(cache=True, fastmath=FREEDOM)
def _step(
    embedding: Floats,
    weight: Floats,
    bias: Floats,
    given: Ids,
    target: Ids,
    sampled: Ids,
    true_log: Floats,
    sampled_log: Floats,
    rate: np.float32,
) -> float:
    """One step: ``embedding, weight: f32[word, dim]``; ``given, target: i64[batch]``; ``sampled: i64[n]``.

    Every row is read before any is written, as `updates.scatter` does it.
    """
    run, centers, times = _runs(given)
    hidden, rows = _rows(embedding, centers), _rows(weight, sampled)
    false = np.dot(hidden, rows.T) + (bias[sampled] - sampled_log)
    true = _negated(hidden, run, weight, bias, target, true_log)
    loss = _softplus(false, times) + _softplus(true.reshape(1, -1), np.ones(1, np.float32))
    scale = rate / np.float32(len(given))
    back, by_sampled = np.dot(false, rows), np.dot(false.T, hidden)
    _take_true(back, run, weight, target, true)
    _descend(embedding, centers, back, scale)
    _pull(weight, bias, target, true, hidden, run, scale)
    _descend(weight, sampled, by_sampled, scale)
    for k in range(len(sampled)):
        bias[sampled[k]] -= scale * false[:, k].sum()
    return loss / len(given)


@njit(cache=True)
def _runs(given: Ids) -> tuple[Ids, Ids, Floats]:
    """Neighbouring pairs of one given word: which run each pair is of, the word of each run, and how many pairs."""
    run = np.zeros(len(given), np.int64)
    for i in range(1, len(given)):
        run[i] = run[i - 1] + (given[i] != given[i - 1])
    centers = np.empty(run[-1] + 1, np.int64)
    times = np.zeros(len(centers), np.float32)
    for i in range(len(given)):
        centers[run[i]] = given[i]
        times[run[i]] += np.float32(1.0)
    return run, centers, times


@njit(cache=True)
def _rows(table: Floats, ids: Ids) -> Floats:
    found = np.empty((len(ids), table.shape[1]), np.float32)
    for i, word in enumerate(ids):
        for d in range(table.shape[1]):
            found[i, d] = table[word, d]
    return found


@njit(cache=True, fastmath=FREEDOM)
def _negated(hidden: Floats, run: Ids, weight: Floats, bias: Floats, target: Ids, true_log: Floats) -> Floats:
    """The negated logit of each target, ``f32[batch]``."""
    found = np.empty(len(target), np.float32)
    for i, word in enumerate(target):
        row, product = run[i], np.float32(0.0)
        for d in range(hidden.shape[1]):
            product += hidden[row, d] * weight[word, d]
        found[i] = true_log[i] - bias[word] - product
    return found


@njit(cache=True, fastmath=FREEDOM)
def _take_true(back: Floats, run: Ids, weight: Floats, target: Ids, slopes: Floats) -> None:
    """Add what the targets send back to each run, ``back: f32[run, dim]``; they pull, so it is taken away."""
    for i, word in enumerate(target):
        row, slope = run[i], slopes[i]
        for d in range(back.shape[1]):
            back[row, d] -= slope * weight[word, d]


@njit(cache=True, fastmath=FREEDOM)
def _pull(
    weight: Floats, bias: Floats, target: Ids, slopes: Floats, hidden: Floats, run: Ids, scale: np.float32
) -> None:
    """Bring each target closer to its given word."""
    for i, word in enumerate(target):
        row, slope = run[i], scale * slopes[i]
        bias[word] += slope
        for d in range(hidden.shape[1]):
            weight[word, d] += slope * hidden[row, d]


@njit(cache=True, fastmath=FREEDOM)
def _descend(table: Floats, ids: Ids, gradient: Floats, scale: np.float32) -> None:
    for i, word in enumerate(ids):
        for d in range(table.shape[1]):
            table[word, d] -= scale * gradient[i, d]


@njit(cache=True, fastmath=FREEDOM)
def _softplus(logits: Floats, times: Floats) -> float:
    """The sum of the softplus of all logits, which become its slopes: their sigmoids.

    A row counts ``times`` as much, in the sum and in its slopes. It takes one logarithm a row, and not one a logit.
    """
    n = logits.shape[1]
    power = np.empty(n, np.int32)
    fraction = np.empty(n, np.float32)
    two_to = power.view(np.float32)
    total = 0.0
    for i in range(logits.shape[0]):
        for k in range(n):
            exponent = max(-abs(logits[i, k]) * np.float32(1.4426950408889634), np.float32(-126.0))
            whole = np.int32(exponent - np.float32(0.5))  # towards zero, so that the rest is within half of zero
            fraction[k] = (exponent - np.float32(whole)) * np.float32(0.6931471805599453)
            power[k] = (whole + np.int32(127)) << np.int32(23)
        for k in range(n):
            fraction[k] = _exp_near_zero(fraction[k]) * two_to[k]  # exp(-|logit|), in (0, 1]
        row = 0.0
        for start in range(0, n, 512):  # a factor is at most 2, so 512 of them are a float64
            product = 1.0
            for k in range(start, min(start + 512, n)):
                product *= 1.0 + fraction[k]
            row += math.log(product)
        for k in range(n):
            logit = logits[i, k]
            row += max(logit, np.float32(0.0))
            numerator = times[i] if logit > 0 else times[i] * fraction[k]
            logits[i, k] = numerator / (np.float32(1.0) + fraction[k])
        total += times[i] * row
    return total


@njit(inline="always")
def _exp_near_zero(x: np.float32) -> np.float32:
    """The exponential of ``|x| <= 0.35`` by its series: off by less than 2e-8 of itself."""
    result = np.float32(1 / 5040)
    for coefficient in (1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2, 1.0, 1.0):
        result = result * x + np.float32(coefficient)
    return result
