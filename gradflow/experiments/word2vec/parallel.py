"""The same step, shared by several processes: each takes a part of every batch, and all make the same update.

Started by ``torchrun``. Only the rows that a batch looks up travel, not the tables.
"""

from __future__ import annotations

import os

import torch
import torch.distributed as dist
from torch import Tensor

from gradflow.experiments.word2vec.errors import Word2VecError
from gradflow.experiments.word2vec.settings import Settings
from gradflow.experiments.word2vec.tables import Tables
from gradflow.experiments.word2vec.updates import Batch, RowMoves, alone, move, row_moves


def processes() -> int:
    """How many processes ``torchrun`` has started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def join(settings: Settings) -> int:
    """Meet the other processes; which one this is, from 0.

    Raises:
        Word2VecError: these settings cannot be shared.
    """
    if settings.objective == "softmax" or settings.backend != "torch" or settings.update != "scatter":
        raise Word2VecError("several processes share steps with samples, --update scatter and --backend torch alone")
    if settings.batch % processes():
        raise Word2VecError(f"a batch of {settings.batch} cannot be divided by {processes()} processes")
    dist.init_process_group("gloo")
    return dist.get_rank()


def leave() -> None:
    """Part from the other processes, when all are done."""
    dist.barrier()
    dist.destroy_process_group()


@torch.no_grad()
def shared(tables: Tables, batch: Batch, objective: str, learning_rate: float) -> Tensor:
    """`updates.scatter`, of which each process computes its part of the batch.

    Every process has equal tables before, and makes the same additions in the same order, so they stay equal.
    """
    size = len(batch.target) // dist.get_world_size()
    mine = slice(dist.get_rank() * size, (dist.get_rank() + 1) * size)
    part = batch._replace(given=batch.given[mine], target=batch.target[mine], true_log=batch.true_log[mine])
    found = row_moves(tables, part, alone(part.given), objective, learning_rate)  # parts of one size
    joined = RowMoves(
        loss=_mean(found.loss),
        hidden=_all(found.hidden),
        true=_all(found.true),
        true_bias=_all(found.true_bias),
        sampled=_mean(found.sampled),
        sampled_bias=_mean(found.sampled_bias),
    )
    move(tables, batch, batch.given, joined)
    return joined.loss


def _mean(part: Tensor) -> Tensor:
    """The mean over the processes: each has divided by its own part of the batch."""
    dist.all_reduce(part)
    return part.div_(dist.get_world_size())


def _all(part: Tensor) -> Tensor:
    """The parts of all processes, one after the other."""
    parts = [torch.empty_like(part) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, part.contiguous())
    return torch.cat(parts).div_(dist.get_world_size())
