"""Several flows of which a reader chooses one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gradflow.errors import GradflowError
from gradflow.flow import Flow
from gradflow.grid import Grid

State = tuple[str, ...]
_EXAMPLE = 'gf.choose({("no bridge", "loss 1"): flow, ("bridge", "loss 1"): other}, labels=("bridge", "loss"))'


@dataclass(frozen=True)
class Choice:
    """Flows by what was chosen of each thing that can be chosen.

    Attributes:
        labels: what can be chosen, as ``("bridge", "loss")``.
        flows: ``(state, Flow)`` in the order given; a state has a text for each label.
    """

    labels: tuple[str, ...]
    flows: tuple[tuple[State, Flow], ...]

    def options(self, index: int) -> tuple[str, ...]:
        """The texts for one of the labels, in the order given."""
        return tuple(dict.fromkeys(state[index] for state, _ in self.flows))

    @property
    def grid(self) -> Grid:
        """All of them at once: the last label in columns, the others in rows."""
        return Grid(tuple(((", ".join(state[:-1]), state[-1]), flow) for state, flow in self.flows))


def checked_choice(flows: object, labels: object = None) -> Choice:
    """A choice among what a caller gave.

    Raises:
        GradflowError: it is not ``{(text, …): Flow}`` with keys of one length, or the labels do not fit the keys.

    >>> checked_choice({"a": 3})
    Traceback (most recent call last):
    gradflow.errors.GradflowError: choose() got int at 'a'; expected a Flow, as t.flow(loss) gives it.
    """
    if not isinstance(flows, Mapping) or not flows:
        given = "none" if isinstance(flows, Mapping) else type(flows).__name__
        raise GradflowError(f"choose() takes flows by what is chosen, but got {given}. For example:\n    {_EXAMPLE}")
    states = {key: key if isinstance(key, tuple) else (key,) for key in flows}
    lengths = {len(state) for state in states.values()}
    if len(lengths) > 1 or 0 in lengths:
        raise GradflowError(f"choose() takes keys of one length, but got {', '.join(map(repr, list(flows)[:4]))}.")
    for key, flow in flows.items():
        if not isinstance(flow, Flow):
            given = type(flow).__name__
            raise GradflowError(f"choose() got {given} at {key!r}; expected a Flow, as t.flow(loss) gives it.")
    written = {key: tuple(map(str, state)) for key, state in states.items()}
    if len(set(written.values())) < len(written):
        raise GradflowError("choose() got two keys that read the same; a reader could not tell them apart.")
    return Choice(_checked_labels(labels, lengths.pop()), tuple((written[key], flow) for key, flow in flows.items()))


def _checked_labels(labels: object, length: int) -> tuple[str, ...]:
    if labels is None:
        return tuple(f"choice {i}" for i in range(1, length + 1)) if length > 1 else ("choice",)
    if isinstance(labels, str):
        labels = (labels,)
    given = tuple(labels) if isinstance(labels, Iterable) else ()
    if not given or not all(isinstance(label, str) for label in given):
        raise GradflowError(f"labels= takes a text for each part of the keys, but got {labels!r}.")
    if len(given) != length:
        raise GradflowError(f"labels= has {len(given)} texts, but the keys have {length} parts.")
    return given
