"""One step of gradient descent, in three ways that agree.

* ``dense``: autograd, with a gradient for every number of every table. What one writes first.
* ``sparse``: autograd, with a gradient for the rows that were looked up.
* ``scatter``: the derivatives written out, and the rows updated in place. The same numbers, and the fastest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from gradflow.experiments.word2vec.objectives import HIDES_HITS, full_loss, full_slopes, sampled_loss, slopes
from gradflow.experiments.word2vec.tables import Tables


class Batch(NamedTuple):
    """What one step needs.

    Attributes:
        given: ``i64[batch, context]``, the words whose mean is the input.
        target: ``i64[batch]``, the word to be guessed.
        sampled: ``i64[n]``, the negatives; empty for the full softmax.
        true_log: ``f32[batch]``, logarithm of the expected count of each target, or zeros.
        sampled_log: ``f32[n]``, the same of each negative.
    """

    given: Tensor
    target: Tensor
    sampled: Tensor
    true_log: Tensor
    sampled_log: Tensor


Leaves = tuple[Tensor, Tensor, Tensor]
"""The embedding, the weight, and the bias as a column, ``f32[word, 1]``."""

Step = Callable[[Tables, Batch, str, float], Tensor]
"""``step(tables, batch, objective, learning_rate)`` changes the tables and returns the mean loss before, ``f32[]``."""


def losses(tables: Tables, batch: Batch, objective: str) -> Tensor:
    """The loss of each example, for autograd.

    Args:
        tables: may require gradients.
        batch: what is given and guessed.
        objective: one of the names in `Settings.objective`.

    Returns:
        ``f32[batch]``
    """
    return _losses((tables.embedding, tables.weight, tables.bias[:, None]), batch, objective, sparse=False)


def _losses(leaves: Leaves, batch: Batch, objective: str, *, sparse: bool) -> Tensor:
    embedding, weight, column = leaves

    def rows(table: Tensor, ids: Tensor) -> Tensor:
        return F.embedding(ids, table, sparse=sparse)

    hidden = rows(embedding, batch.given).mean(1)
    if objective == "softmax":
        return full_loss(hidden @ weight.T + column[:, 0], batch.target)
    true = (hidden * rows(weight, batch.target)).sum(1) + rows(column, batch.target)[:, 0]
    sampled = hidden @ rows(weight, batch.sampled).T + rows(column, batch.sampled)[:, 0]
    return sampled_loss(objective, true - batch.true_log, _hidden_hits(objective, sampled - batch.sampled_log, batch))


def dense(tables: Tables, batch: Batch, objective: str, learning_rate: float) -> Tensor:
    """A step by autograd with dense gradients."""
    return _by_autograd(tables, batch, objective, learning_rate, sparse=False)


def sparse(tables: Tables, batch: Batch, objective: str, learning_rate: float) -> Tensor:
    """A step by autograd with sparse gradients (of the full softmax only the embedding has them)."""
    return _by_autograd(tables, batch, objective, learning_rate, sparse=True)


def _by_autograd(tables: Tables, batch: Batch, objective: str, learning_rate: float, *, sparse: bool) -> Tensor:
    matrices = tables.embedding, tables.weight, tables.bias[:, None]  # a sparse gradient has whole rows
    embedding, weight, column = (table.detach().requires_grad_() for table in matrices)
    loss = _losses((embedding, weight, column), batch, objective, sparse=sparse).mean()
    for table, gradient in zip(matrices, torch.autograd.grad(loss, (embedding, weight, column)), strict=True):
        table.add_(gradient, alpha=-learning_rate)
    return loss.detach()


@torch.no_grad()
def scatter(tables: Tables, batch: Batch, objective: str, learning_rate: float) -> Tensor:
    """A step by written-out derivatives: every row is read before any is written."""
    if objective == "softmax":
        return _whole(tables, batch, learning_rate)
    runs = runs_of(batch.given) if objective not in HIDES_HITS else alone(batch.given)
    moves = row_moves(tables, batch, runs, objective, learning_rate)
    move(tables, batch, runs.given, moves)
    return moves.loss


class Runs(NamedTuple):
    """Which pairs share what they are given, and so their logits with the samples, which are then found once.

    Attributes:
        given: ``i64[run, context]``
        of_pair: ``i64[batch]``, the run of each pair.
        pairs: ``f32[run]``, how many pairs a run has.
    """

    given: Tensor
    of_pair: Tensor
    pairs: Tensor


def runs_of(given: Tensor) -> Runs:
    """The runs of neighbouring pairs with one given word; with several given words, each pair is alone."""
    if given.shape[1] > 1:
        return alone(given)
    words, of_pair, pairs = torch.unique_consecutive(given[:, 0], return_inverse=True, return_counts=True)
    return Runs(words[:, None], of_pair, pairs.float())


def alone(given: Tensor) -> Runs:
    """Each pair as a run of its own."""
    return Runs(given, torch.arange(len(given)), torch.ones(len(given)))


class RowMoves(NamedTuple):
    """What is to be added to the rows that a batch looks up; a row can come several times.

    Attributes:
        loss: ``f32[]``, the mean over the batch.
        hidden: ``f32[run, dim]``, for the mean of the given words.
        true: ``f32[batch, dim]``, for the weight of each target.
        true_bias: ``f32[batch]``
        sampled: ``f32[n, dim]``, for the weight of each sample, summed over the batch.
        sampled_bias: ``f32[n]``
    """

    loss: Tensor
    hidden: Tensor
    true: Tensor
    true_bias: Tensor
    sampled: Tensor
    sampled_bias: Tensor


def row_moves(tables: Tables, batch: Batch, runs: Runs, objective: str, learning_rate: float) -> RowMoves:
    """The derivatives of a loss with samples, times the negative rate."""
    embedding, weight, bias = tables
    hidden = _mean(embedding, runs.given)
    of_pair = _rows(hidden, runs.of_pair)
    of_true, of_sampled = _rows(weight, batch.target), _rows(weight, batch.sampled)
    true = torch.linalg.vecdot(of_pair, of_true) + (_rows(bias, batch.target) - batch.true_log)
    sampled = torch.addmm(_rows(bias, batch.sampled) - batch.sampled_log, hidden, of_sampled.T)
    logits = _hidden_hits(objective, sampled, batch)
    loss, for_true, for_sampled = slopes(objective, true, logits, runs.pairs, -learning_rate)
    column = for_true[:, None]
    back = (for_sampled @ of_sampled).index_add_(0, runs.of_pair, column * of_true)
    return RowMoves(loss, back, column * of_pair, for_true, for_sampled.T @ hidden, for_sampled.sum(0))


def move(tables: Tables, batch: Batch, given: Tensor, moves: RowMoves) -> None:
    """Add to the rows, in place; to those of ``given`` what is for the mean of them."""
    tables.weight.index_add_(0, batch.target, moves.true)
    tables.weight.index_add_(0, batch.sampled, moves.sampled)
    tables.bias.index_add_(0, batch.target, moves.true_bias)
    tables.bias.index_add_(0, batch.sampled, moves.sampled_bias)
    _move_given(tables.embedding, given, moves.hidden)


def _whole(tables: Tables, batch: Batch, learning_rate: float) -> Tensor:
    """A step of the softmax over all words, which moves every row of the weight."""
    embedding, weight, bias = tables
    hidden = _mean(embedding, batch.given)
    loss, slope = full_slopes(torch.addmm(bias, hidden, weight.T), batch.target)
    back = slope @ weight
    weight.addmm_(slope.T, hidden, alpha=-learning_rate)
    bias.sub_(slope.sum(0), alpha=learning_rate)
    _move_given(embedding, batch.given, back.mul_(-learning_rate))
    return loss


def _mean(embedding: Tensor, given: Tensor) -> Tensor:
    return _rows(embedding, given[:, 0]) if given.shape[1] == 1 else embedding[given].mean(1)


def _rows(table: Tensor, ids: Tensor) -> Tensor:
    return table.index_select(0, ids)  # four times as fast as table[ids]


def _move_given(embedding: Tensor, given: Tensor, moves: Tensor) -> None:
    context = given.shape[1]
    share = moves if context == 1 else moves / context
    for place in range(context):
        embedding.index_add_(0, given[:, place], share)


def _hidden_hits(objective: str, sampled: Tensor, batch: Batch) -> Tensor:
    """The logits of the samples, where a sample that is the row's own target is out of the way if it must be."""
    if objective not in HIDES_HITS:
        return sampled
    return sampled.masked_fill(batch.target[:, None] == batch.sampled, torch.finfo(sampled.dtype).min)


STEPS: dict[str, Step] = {"dense": dense, "sparse": sparse, "scatter": scatter}
