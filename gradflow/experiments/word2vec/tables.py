"""The numbers that are learned."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gradflow.experiments.word2vec.settings import Settings


class Tables(NamedTuple):
    """The parameters of the model.

    Attributes:
        embedding: ``f32[word, dim]``, a row for each word that is given.
        weight: ``f32[word, dim]``, a row for each word that is guessed.
        bias: ``f32[word]``, of the words that are guessed.
    """

    embedding: Tensor
    weight: Tensor
    bias: Tensor

    def clone(self) -> Tables:
        """A copy of its own."""
        return Tables(*(table.clone() for table in self))


def initial(settings: Settings) -> Tables:
    """The tables before the first step.

    The embedding is uniform as ``settings.initial`` says, the weights are normal with deviation ``1 / √dim`` and
    nothing beyond two deviations, as in the source, and the bias is zero.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    shape = settings.vocabulary, settings.embedding
    small = 0.5 / settings.embedding
    low, high = (0.0, 1.0) if settings.initial == "unit" else (-small, small)
    embedding = torch.empty(shape).uniform_(low, high, generator=generator)
    weight = _cut_off_normal(torch.empty(shape), settings.embedding**-0.5, generator)
    return Tables(embedding, weight, torch.zeros(settings.vocabulary))


def _cut_off_normal(table: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Fill a table with a normal that ends at two deviations, by the inverse of its distribution function.

    `torch.nn.init.trunc_normal_` does the same by drawing again, and holds several tables more meanwhile.
    """
    share = math.erf(math.sqrt(2))  # of a normal, within two deviations
    drawn = table.uniform_(-share, share, generator=generator).erfinv_()
    return drawn.mul_(math.sqrt(2) * deviation).clamp_(-2 * deviation, 2 * deviation)


def as_tables(embedding: object, weight: object, bias: object) -> Tables:
    """Tables from nested lists or arrays."""
    return Tables(*(torch.tensor(np.asarray(table), dtype=torch.float32) for table in (embedding, weight, bias)))
