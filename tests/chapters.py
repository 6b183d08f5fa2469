"""Run a chapter, and again with changes: at each trace in it, a fork of the process goes on with one change made.

Run as a program with the path of a notebook, it prints as JSON what came of every change: see ``evidence``.
"""

from __future__ import annotations

import contextlib
import io
import json
import linecache
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib
import pytest
import torch
from changed import Cutter, Mapped, Outside, changes
from mutants import cells
from programs import Outcome, backward, ranges_of

import gradflow as gf
from gradflow.picture.net import net

LEAST, EACH, ALL = 3, 8, 120  # changes of a pass, and about so many of a chapter


def run(chapter: Path) -> None:
    """All cells of a chapter."""
    for _ in executed(chapter):
        pass


def executed(chapter: Path) -> Iterator[dict[str, Any]]:
    """Run the cells of a chapter, in its folder; after each, its names. A cell that is meant to raise may."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(cells(chapter)):
        name = f"<cell {number}>"
        linecache.cache[name] = (len(cell.source), None, cell.source.splitlines(keepends=True), name)
        try:
            exec(compile(cell.source, name, "exec"), namespace)
        except Exception as error:  # whatever the cell is meant to raise
            if not cell.fails:
                raise
            sys.last_value = error
        yield namespace


class Traces:
    """What the first run of a chapter shows of its traces.

    Attributes:
        traces: each trace, with the calls that it recorded, and its passes in order.
    """

    def __init__(self) -> None:
        self.traces: list[tuple[gf.Trace, Mapped, list[gf.Flow]]] = []

    def patch(self, patch: pytest.MonkeyPatch) -> None:
        """Listen to every trace."""
        kind = gf.trace().__class__
        enter, leave = kind.__enter__, kind.__exit__

        def entered(trace: gf.Trace) -> gf.Trace:
            found = enter(trace)
            self.traces.append((trace, Mapped(trace), []))
            self.traces[-1][1].__enter__()
            return found

        def left(trace: gf.Trace, *error: Any) -> None:
            self.of(trace)[1].__exit__(*error)
            leave(trace, *error)

        patch.setattr(kind, "__enter__", entered)
        patch.setattr(kind, "__exit__", left)
        for name in ("flow", "backward"):
            patch.setattr(kind, name, self._kept(getattr(kind, name)))

    def _kept(self, function: Callable[..., gf.Flow]) -> Callable[..., gf.Flow]:
        def kept(trace: gf.Trace, *args: Any, **kwargs: Any) -> gf.Flow:
            flow = function(trace, *args, **kwargs)
            self.of(trace)[2].append(flow)
            return flow

        return kept

    def of(self, trace: gf.Trace) -> tuple[gf.Trace, Mapped, list[gf.Flow]]:
        return next(row for row in self.traces if row[0] is trace)


Plan = tuple[int, int, dict[str, Any], dict[str, Any], list[Outside]]


def planned(traces: Traces, draw: random.Random) -> Iterator[Plan]:
    """For each pass of each trace: their numbers, the data of the page, the places of edges, and changes."""
    told = [(i, *row) for i, row in enumerate(traces.traces) if row[2]]
    each = max(LEAST, min(EACH, ALL // max(1, sum(len(flows) for *_, flows in told))))
    for i, trace, mapped, flows in told:
        graph = trace.graph
        data = net(graph, {f"pass {j}": flow for j, flow in enumerate(flows)})
        places = mapped.places(graph)
        for j in range(len(flows)):
            yield i, j, {**data, "losses": [data["losses"][j]]}, places, changes(data, places, draw, each)


def evidence(chapter: Path) -> list[dict[str, Any]]:
    """For each pass of a chapter: ``net``, ``calls`` (the op of each), ``asked`` and ``outcomes`` of each change.

    An outcome is None if the changed program raises, and ``"none"`` if the chapter did not come to that pass.
    """
    first = Traces()
    with pytest.MonkeyPatch.context() as patch:
        first.patch(patch)
        run(chapter)
    plans = list(planned(first, random.Random(chapter.stem)))
    found = {(i, j): [] for i, j, *_ in plans}
    counter = [0]
    with pytest.MonkeyPatch.context() as patch:
        kind = gf.trace().__class__
        enter = kind.__enter__

        def entered(trace: gf.Trace) -> gf.Trace:
            result, number = enter(trace), counter[0]
            counter[0] += 1
            for i, j, _, places, some in plans:
                for change in some if i == number else ():
                    if (answer := fork(trace, j, change, places, patch)) is None:
                        return result  # here goes on what was forked
                    found[i, j].append(answer[0])
            return result

        patch.setattr(kind, "__enter__", entered)
        run(chapter)
    return [
        {
            "net": data,
            "calls": first.traces[i][1].ops,
            "asked": [change.asked() for change in some],
            "changes": [repr(change) for change in some],
            "outcomes": found[i, j],
        }
        for i, j, data, _, some in plans
    ]


def fork(trace: gf.Trace, at: int, change: Outside, places: Any, patch: pytest.MonkeyPatch) -> list[Any] | None:
    """What comes of a change at the pass of that number; None in the fork itself, with the change made."""
    reads, writes = os.pipe()
    child = os.fork()
    if child:
        os.close(writes)
        with open(reads, encoding="utf-8") as answers:
            text = answers.read()
        os.waitpid(child, 0)
        return [json.loads(text)] if text else ["none"]
    os.close(reads)
    sys.excepthook = lambda *error: os._exit(1)
    Fork(trace, at, change, places, writes).patch(patch)
    return None


class Fork:
    """The process that goes on with a change, until it can answer."""

    def __init__(self, trace: gf.Trace, at: int, change: Outside, places: Any, writes: int) -> None:
        self._trace, self._at, self._change, self._writes = trace, at, change, writes
        self._parameters = {name: ref() for name, ref in trace._parameters.items()}
        self._cutter, self._passes = Cutter([places[edge] for edge in change.cut]), 0
        for name in change.frozen:
            if self._parameters.get(name) is None:
                self._answer("none")
            self._parameters[name].requires_grad_(False)
        trace._recorder.paused = True
        self._cutter.__enter__()

    def patch(self, patch: pytest.MonkeyPatch) -> None:
        """Answer at the pass; whatever raises in the block is the answer as well."""
        kind = type(self._trace)
        leave = kind.__exit__

        def left(trace: gf.Trace, *error: Any) -> None:
            if trace is self._trace:
                self._cutter.__exit__(*error)
                if error and error[0] is not None:
                    self._answer(None if issubclass(error[0], RuntimeError) else "none")
            leave(trace, *error)

        def passed(trace: gf.Trace, loss: Any, gradient: Any = None, inputs: Any = None, **more: Any) -> None:
            if trace is self._trace and self._passes == self._at:
                self._answer(self._outcome(loss, gradient, inputs))
            self._passes += trace is self._trace

        patch.setattr(kind, "__exit__", left)
        patch.setattr(kind, "flow", passed)
        patch.setattr(kind, "backward", passed)
        patch.setattr(kind, "name", lambda trace, **tensors: None)

    def _outcome(self, loss: Any, gradient: Any, inputs: Any) -> Any:
        if gradient is not None or (inputs is not None and self._change.ask is None):
            return "none"
        parameters = {name: tensor for name, tensor in self._parameters.items() if tensor is not None}
        for tensor in parameters.values():
            tensor.grad = None
        ask = self._change.ask
        if ask is not None and not set(ask) <= set(parameters):
            return "none"
        try:
            ran = backward(loss, None if ask is None else [parameters[name] for name in ask])
        except RuntimeError:
            return None
        reached = [name for name, tensor in parameters.items() if tensor.grad is not None]
        ranges = self._cutter.ranges
        inside = {number for start, stop in ranges for number in range(start, stop)}
        rest = {-1} if ran - inside else set()
        outcome = asdict(Outcome(reached, reached, ranges_of(ranges, ran), rest, sorted(parameters)))
        return {key: sorted(value) if isinstance(value, set) else value for key, value in outcome.items()}

    def _answer(self, outcome: Any) -> None:
        with open(self._writes, "w", encoding="utf-8") as answers:
            json.dump(outcome, answers)
        os._exit(0)


def main() -> None:
    """Print the evidence of the chapter that is named."""
    chapter = Path(sys.argv[1]).resolve()
    matplotlib.use("Agg")
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    os.chdir(chapter.parent)
    with contextlib.redirect_stdout(io.StringIO()):
        found = evidence(chapter)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
