"""The losses: of logits, once as a formula for autograd, and once with the derivatives written out.

A logit is ``h · W[word] + b[word]``. With *n* sampled words a batch has the logits of its targets,
``f32[batch]``, and those of the samples, ``f32[batch, n]``. Which of the losses subtracts the logarithm of the
expected count first is in `CORRECTED`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

CORRECTED = frozenset({"nce", "sampled-softmax"})
HIDES_HITS = frozenset({"sampled-softmax"})  # a sample that is the target of a row does not count there


class Slopes(NamedTuple):
    """A loss, and its derivatives times a number.

    Attributes:
        loss: ``f32[]``, mean over the batch.
        true: ``f32[batch]``, derivative by the logits of the targets.
        sampled: ``f32[run, n]``, derivative by the logits of the samples.
    """

    loss: Tensor
    true: Tensor
    sampled: Tensor


def sampled_loss(objective: str, true: Tensor, sampled: Tensor) -> Tensor:
    """The loss of each example, for autograd.

    Args:
        objective: ``nce``, ``negative-sampling`` (binary: true or sampled) or ``sampled-softmax``.
        true: ``f32[batch]``, logits of the targets.
        sampled: ``f32[batch, n]``, logits of the samples.

    Returns:
        ``f32[batch]``
    """
    if objective == "sampled-softmax":
        return torch.logsumexp(torch.cat([true[:, None], sampled], 1), 1) - true
    return F.softplus(-true) + F.softplus(sampled).sum(1)


def slopes(objective: str, true: Tensor, sampled: Tensor, pairs: Tensor, scale: float) -> Slopes:
    """The mean loss and its derivatives by the logits, times ``scale``, without autograd.

    Args:
        objective: as of `sampled_loss`.
        true: ``f32[batch]``, logits of the targets.
        sampled: ``f32[run, n]``, logits of the samples; a row for each pair, or if the objective has a loss of its own
            for each logit, for each run of pairs that share them.
        pairs: ``f32[run]``, how many pairs each row is for.
        scale: of the derivatives.
    """
    batch = len(true)
    part = scale / batch
    if objective == "sampled-softmax":
        loss = sampled_loss(objective, true, sampled).mean()
        share = torch.softmax(torch.cat([true[:, None], sampled], 1), 1).mul_(part)
        return Slopes(loss, share[:, 0] - part, share[:, 1:])
    false = -true
    loss = (F.softplus(false).sum() + F.softplus(sampled).sum(1) @ pairs) / batch
    return Slopes(loss, false.sigmoid_().mul_(-part), torch.sigmoid(sampled).mul_((pairs * part)[:, None]))


def full_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """The softmax over all words.

    Args:
        logits: ``f32[batch, word]``.
        targets: ``i64[batch]``.

    Returns:
        ``f32[batch]``
    """
    return F.cross_entropy(logits, targets, reduction="none")


def full_slopes(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The mean loss over all words, ``f32[]``, and its derivative by the logits, ``f32[batch, word]``."""
    share = torch.softmax(logits, 1)
    loss = full_loss(logits, targets).mean()
    share[torch.arange(len(targets)), targets] -= 1
    return loss, share.div_(len(targets))
