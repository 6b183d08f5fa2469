"""The public ``playground``: change how a gradient goes in a real model, and see what follows."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from torch import nn
from torch.optim import SGD

from gradflow.errors import GradflowError
from gradflow.live import MakeOptimizer, Program
from gradflow.playing import Controls, Playground


def playground(
    model: nn.Module,
    *inputs: Any,
    loss: Callable[[Any], Any] | Mapping[str, Callable[[Any], Any]] | None = None,
    optimizer: MakeOptimizer | None = None,
    open: Iterable[str] = (),
    theme: str = "auto",
    width: int = 720,
    **keywords: Any,
) -> Playground:
    """Play with a model: cut, freeze, ask and hold, each a real run, drawn, and compared with the run before.

    Each run starts at the same random state. Afterwards the model is as it was, bit for bit: numbers, flags, hooks,
    modes, ``.grad``. What a loss holds besides, such as another model, is not put back, but for each ``.grad``.

    Args:
        model: the model.
        inputs: what it is called with.
        loss: a function of what it returns, several as ``{name: function}``, or None if it returns the loss.
        optimizer: makes the optimizer whose step is tried, of a list of parameters; ``SGD(…, lr=0.1)`` if None.
        open: paths of modules to show in full.
        theme: ``auto`` (as the page), ``light``, ``dark`` or ``grey``.
        width: of the picture, in pixels, at most.
        keywords: what the model is called with by name.

    Raises:
        GradflowError: an argument does not fit; the message says what would.

    >>> import torch, gradflow as gf
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    >>> with gf.playground(model, torch.ones(5, 3), loss=torch.sum) as p:
    ...     print(p.cut("0").words())
    0 is no longer reached. 0 no longer moves.
    """
    if not isinstance(model, nn.Module):
        raise GradflowError(f"playground() takes a module first, but got {type(model).__name__}.")
    losses = _losses(loss)
    if optimizer is not None and not callable(optimizer):
        raise GradflowError(
            f"optimizer= takes a function that makes one, but got {type(optimizer).__name__}. "
            "Write optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=1e-3)."
        )
    look = {"open": tuple(open), "theme": theme, "width": width}
    return Playground(Program(model, inputs, keywords, losses, optimizer or partial(SGD, lr=0.1)), look, _controls)


def _losses(loss: object) -> dict[str, Callable[[Any], Any]]:
    if loss is None:
        return {"": lambda output: output}
    losses: dict[Any, Any] = dict(loss) if isinstance(loss, Mapping) else {"": loss}
    for name, one in losses.items():
        if not callable(one) or not isinstance(name, str):
            raise GradflowError(
                f"loss= takes a function of what the model returns, or several as {{name: function}}, but got "
                f"{type(one).__name__}. Write loss=lambda out: F.mse_loss(out, y)."
            )
    if not losses:
        raise GradflowError("loss= is empty; name at least one loss.")
    return losses


def _controls(playing: Playground) -> Controls:
    if importlib.util.find_spec("ipywidgets") is None:
        raise GradflowError("a playground shows itself with ipywidgets, which is not installed: pip install ipywidgets")
    from gradflow.controls import Panel  # only a notebook needs ipywidgets

    return Panel(playing)
