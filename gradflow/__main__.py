"""The command line: ``python -m gradflow``."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from gradflow import demo
from gradflow.draw import draw
from gradflow.errors import GradflowError
from gradflow.explain import explain
from gradflow.figure import checked
from gradflow.flow import Flow
from gradflow.program import ProgramError, function_in, running
from gradflow.testing import assert_gradient
from gradflow.text import explanation_table
from gradflow.trace import trace, trace_step
from gradflow.version import __version__

FORMS = """\
FUNCTION is called without arguments. It returns (model, loss_fn): loss_fn() computes the loss, and model
is a module, a tuple of modules, or a dict of modules by name. Or it returns nothing, and runs a step on
its own, up to loss.backward().

Exit code: 0 if every required parameter received a gradient that is finite and not all zero, also if none
is required; 1 if one did not; 2 if the command could not be carried out."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        The exit code: 0 all is well, 1 a required gradient is missing, 2 bad usage.
    """
    options = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        return int(options.run(options))
    except GradflowError as error:
        print(f"gradflow: {error}", file=sys.stderr)
    except ProgramError as error:
        print(error, file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gradflow", description="See where a gradient goes, where it stops, and why."
    )
    parser.add_argument("--version", action="version", version=f"gradflow {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    shown = commands.add_parser("demo", help="explain a small example", description="Explain a small example.")
    shown.add_argument("--save", metavar="FILE", default="gradflow-demo.svg", help="default: %(default)s")
    shown.set_defaults(run=_demo)
    explained = commands.add_parser(
        "explain",
        help="explain the gradients of your own program",
        description="Say for each parameter whether the loss reaches it, and if not, why.",
        epilog=FORMS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    explained.add_argument("target", metavar="FILE.py:FUNCTION")
    explained.add_argument(
        "--require",
        metavar="NAME",
        nargs="+",
        action="extend",
        default=[],
        help="parameters that must be reached, or modules, which mean all of theirs",
    )
    explained.add_argument("--json", action="store_true", help="print JSON instead of a table")
    explained.add_argument(
        "--save", metavar="FILE", help="also save the figure, as .svg .html .png .pdf .json .dot or .txt"
    )
    explained.set_defaults(run=_explain)
    return parser


def _demo(options: argparse.Namespace) -> int:
    figure = draw(_flow(demo.example()))
    figure.save(options.save)
    print(f"{demo.FILE}:\n\n{demo.numbered()}\n\n{figure.text()}\n\nSaved as {options.save}.")
    return 0


def _explain(options: argparse.Namespace) -> int:
    if options.save:
        checked(options.save)  # before a program runs that may take long
    # With --json, what the program itself prints must not get between the braces.
    aside = contextlib.redirect_stdout(sys.stderr) if options.json else contextlib.nullcontext()
    with aside, function_in(options.target) as function:
        flow = _flow(function)
    complaints = [text for name in options.require if (text := _complaint(flow, name))]
    if options.save:
        draw(flow).save(options.save)
    print(_as_json(flow) if options.json else explanation_table(flow))
    for text in complaints:
        print(f"\n{text}", file=sys.stderr)
    return 1 if complaints else 0


def _complaint(flow: Flow, name: str) -> str:
    try:
        assert_gradient(flow, name)
    except AssertionError as error:
        return str(error)
    return ""


def _flow(function: Callable[[], Any]) -> Flow:
    """The flow of the one loss that the function computes, in either of its two forms."""
    with running():
        returned, flow = trace_step(function)
    if returned is None and flow is not None:
        return flow
    if returned is None:
        raise GradflowError(
            "the function returned nothing and ran no loss.backward(); expected (model, loss_fn), or a step."
        )
    if not isinstance(returned, tuple | list) or len(returned) != 2 or not callable(returned[1]):
        raise GradflowError(
            f"the function returned {_kinds(returned)}; expected (model, loss_fn), with loss_fn() computing the "
            "loss, or nothing from a function that runs a step on its own."
        )
    model, loss_fn = returned
    plain, named = _modules(model)
    with trace(*plain, **named) as t, running():
        loss = loss_fn()
    if not isinstance(loss, Tensor):
        raise GradflowError(f"loss_fn() returned {_kinds(loss)}; expected the loss, a tensor.")
    with contextlib.suppress(GradflowError):  # the program has another value of that name
        t.name(loss=loss)
    return t.flow(loss)


def _modules(model: Any) -> tuple[tuple[nn.Module, ...], dict[str, nn.Module]]:
    """The modules to trace by position, and those by name."""
    named = {str(name): part for name, part in model.items()} if isinstance(model, dict) else {}
    plain = tuple(model) if isinstance(model, tuple | list) else () if named else (model,)
    if not all(isinstance(part, nn.Module) for part in (*plain, *named.values())):
        raise GradflowError(
            f"the model of (model, loss_fn) is {_kinds(model)}; expected a module, a tuple of modules, "
            "or a dict of modules by name."
        )
    return plain, named


def _kinds(returned: Any) -> str:
    if isinstance(returned, tuple | list):
        return f"({', '.join(type(part).__name__ for part in returned)})"
    return type(returned).__name__


def _as_json(flow: Flow) -> str:
    parameters = []
    for name in flow.graph.parameter_names():
        found, arrival = explain(flow, name), flow.at(name)
        cuts = [
            {"kind": cut.kind.name, "target": cut.target, "source": cut.source, "code": cut.code} for cut in found.cuts
        ]
        parameters.append(
            {
                "name": name,
                "status": arrival.status,
                "norm": _strict(arrival.norm),
                "support": arrival.support,
                "reason": found.reason.name,
                "cuts": cuts,
                "sentence": found.sentence,
                "advice": found.advice,
            }
        )
    return json.dumps({"parameters": parameters}, indent=1, allow_nan=False)


def _strict(number: float | None) -> float | str | None:
    """The number, or its name where JSON has none for it."""
    return number if number is None or math.isfinite(number) else str(number)


if __name__ == "__main__":
    sys.exit(main())
