"""Numbers that a page computes anew: those of PyTorch, for every formula, at kinks and edges too."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import count, islice
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from browser import launched
from torch import Tensor

import gradflow as gf
from gradflow.flow import Flow
from gradflow.picture.bundle import source
from gradflow.picture.formulas import formulas
from gradflow.picture.wording import key

PROGRAMS = 160
RATE = 0.3
KINKS = (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5)
OPS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": lambda a, b: a + b,
    "add a number": lambda a, b: 1.5 + a,
    "add in parts": lambda a, b: torch.add(a, b, alpha=-0.5),
    "sub": lambda a, b: a - b,
    "sub in parts": lambda a, b: torch.sub(a, b, alpha=3),
    "sub from a number": lambda a, b: 2 - a,
    "rsub": lambda a, b: torch.rsub(a, b, alpha=2),
    "mul": lambda a, b: a * b,
    "mul by itself": lambda a, b: a * a,
    "mul by a number": lambda a, b: -0.7 * a,
    "div": lambda a, b: a / b,
    "div by a number": lambda a, b: a / 3,
    "div of a number": lambda a, b: 2 / a,
    "pow": lambda a, b: a**b,
    "pow of itself": lambda a, b: a**a,
    "square": lambda a, b: a**2,
    "cube": lambda a, b: a**3,
    "pow 0": lambda a, b: a**0,
    "pow of half": lambda a, b: a**0.5,
    "power of a number": lambda a, b: 1.3**a,
    "power of 0": lambda a, b: torch.pow(0, a),
    "neg": lambda a, b: -a,
    "abs": lambda a, b: abs(a),
    "sign": lambda a, b: a.sign(),
    "round": lambda a, b: a.round(),
    "floor": lambda a, b: a.floor(),
    "ceil": lambda a, b: a.ceil(),
    "trunc": lambda a, b: a.trunc(),
    "exp": lambda a, b: torch.exp(a.clamp(-3, 3)),
    "log": lambda a, b: a.log(),
    "sqrt": lambda a, b: a.sqrt(),
    "rsqrt": lambda a, b: a.rsqrt(),
    "reciprocal": lambda a, b: a.reciprocal(),
    "squared": lambda a, b: a.square(),
    "sin": lambda a, b: a.sin(),
    "cos": lambda a, b: a.cos(),
    "tan": lambda a, b: torch.tan(a / 4),
    "tanh": lambda a, b: torch.tanh(a.clamp(-3, 3)),
    "sigmoid": lambda a, b: torch.sigmoid(a.clip(max=3)),
    "relu": lambda a, b: F.relu(a),
    "leaky_relu": lambda a, b: F.leaky_relu(a, 0.1),
    "elu": lambda a, b: F.elu(a, 0.5),
    "softplus": lambda a, b: F.softplus(a, 2, 3),
    "clamp": lambda a, b: torch.clamp(a, -0.5, 1.5),
    "clamp the wrong way": lambda a, b: a.clamp(min=1, max=0),
    "clamp_min": lambda a, b: a.clamp_min(0.5),
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "max": torch.max,
    "sum": lambda a, b: a.sum(),
    "mean": lambda a, b: a.mean(),
    "clone": lambda a, b: a.clone(),
    "detach": lambda a, b: a.detach() * b,
    "in place": lambda a, b: (a * b).add_(b, alpha=2).mul_(2),
}


class Program(NamedTuple):
    """What is computed: each row takes two of the numbers there are, by position; some under ``no_grad``."""

    frozen: tuple[bool, ...]
    rows: tuple[tuple[str, int, int, bool], ...]

    def run(self, numbers: tuple[float, ...], dtype: torch.dtype = torch.float64) -> tuple[Flow, list[Tensor], Tensor]:
        """The flow of one run, its leaves, and its loss."""
        leaves = [
            torch.tensor(number, dtype=dtype, requires_grad=not frozen)
            for number, frozen in zip(numbers, self.frozen, strict=True)
        ]
        with gf.trace(**{f"x{i}": leaf for i, leaf in enumerate(leaves)}) as t:
            made = list(leaves)
            for name, a, b, off in self.rows:
                with torch.set_grad_enabled(not off):
                    made.append(OPS[name](made[a], made[b]))
            loss = made[-1] + made[-2] * made[0]
        return t.flow(loss), leaves, loss


def program(seed: int) -> Program:
    """Some of the operations; each comes first in one of them."""
    dice = random.Random(seed)
    frozen = (False, *(dice.random() < 0.2 for _ in range(dice.randint(1, 3))))
    names = list(OPS)
    rows = []
    for at in range(dice.randint(1, 4)):
        name = names[seed % len(names)] if at == 0 else dice.choice(names)
        known = len(frozen) + at
        rows.append((name, dice.randrange(known) if at else 0, dice.randrange(known), dice.random() < 0.05))
    return Program(frozen, tuple(rows))


def inputs(seed: int, many: int) -> list[tuple[float, ...]]:
    """Numbers to put in: some anywhere, some at kinks."""
    dice = random.Random(seed)
    anywhere = [tuple(dice.uniform(-2, 2) for _ in range(many)) for _ in range(3)]
    kinks = [tuple(dice.choice(KINKS) for _ in range(many)) for _ in range(3)]
    positive = [tuple(dice.uniform(0.3, 2) for _ in range(many)) for _ in range(2)]
    return [*positive, *anywhere, *kinks]


class Case(NamedTuple):
    """A program with the formulas of a run in which all was finite, and all that is to be put in."""

    program: Program
    formulas: dict[str, object]
    given: list[tuple[float, ...]]


def cases() -> Iterator[Case]:
    """The first programs that are finite for one of their inputs."""
    for seed in count():
        made = program(seed)
        given = inputs(seed, len(made.frozen))
        found = (formulas(made.run(numbers)[0]) for numbers in given)
        if (data := next(filter(None, found), None)) is not None:
            yield Case(made, data, given)


def seen(flow: Flow) -> tuple[list[float], dict[str, float]]:
    """Every number and every derivative of a run."""
    arrived = {key(at): arrival.scalar for at, arrival in flow.arrivals if arrival.arrived}
    return [value.scalar for value in flow.graph.values], arrived


def disagreements(expected: Mapping[object, float], found: Mapping[object, float]) -> list[object]:
    """What is not the same to 1e-9 of itself; where large numbers cancel out, to a few roundings of the largest."""
    rounding = 1e-15 * max((abs(one) for one in expected.values() if math.isfinite(one)), default=0.0)
    alike = partial(math.isclose, rel_tol=1e-9, abs_tol=rounding)
    return [
        at
        for at in dict.fromkeys([*expected, *found])
        if not (at in expected and at in found and same(expected[at], found[at], alike))
    ]


def same(expected: float, found: float, alike: Callable[[float, float], bool]) -> bool:
    return math.isnan(found) if math.isnan(expected) else alike(expected, found)


@pytest.fixture(scope="module")
def page():
    """A page with the functions of ``formulas.js``."""
    with launched() as browser:
        page = browser.new_page()
        names = "FORMULAS, agrees, derivatives, evaluated, factors, stepped"
        page.add_script_tag(type="module", content=f"{source('formulas.js')}\nObject.assign(window, {{ {names} }});")
        page.wait_for_function("() => window.agrees !== undefined")
        yield page


COMPUTE = """([run, leaves, rate]) => {
  const values = evaluated(run, leaves), next = stepped(run, leaves, rate);
  return { values, sent: derivatives(run, values), next, loss: evaluated(run, next)[run.loss] };
}"""


def test_the_page_computes_what_pytorch_computes(page, capsys):
    """Values, derivatives of values and along edges, one step of SGD and the loss after it."""
    wrong, runs, numbers, used = [], 0, 0, set()
    for made, data, given in islice(cases(), PROGRAMS):
        used.update(row[1] for row in data["ops"])
        assert page.evaluate("(run) => agrees(run)", data), made
        for one in given:
            flow, leaves, loss = made.run(one)
            values, sent = seen(flow)
            found = page.evaluate(COMPUTE, [data, dict(enumerate(one)), RATE])
            runs, numbers = runs + 1, numbers + len(values) + len(sent)
            loss.backward()
            torch.optim.SGD(leaves, lr=RATE).step()
            after = [leaf.item() for leaf in leaves]
            _, _, loss_after = made.run(tuple(after))
            next_leaves = {i: found["next"][str(i)] for i in range(len(after))}
            pairs = [
                ("values", dict(enumerate(values)), dict(enumerate(found["values"]))),
                ("sent", sent, found["sent"]),
                ("step", dict(enumerate(after)), next_leaves),
                ("loss", {0: loss_after.item()}, {0: found["loss"]}),
            ]
            wrong += [(made, one, what) for what, expected, got in pairs if disagreements(expected, got)]
    with capsys.disabled():
        print(f"\n{PROGRAMS} programs, {runs} runs, {numbers} numbers and derivatives: {len(wrong)} disagreements")
    assert [] == wrong[:3]
    assert set(page.evaluate("() => Object.keys(FORMULAS)")) == used


def choose(a: Tensor) -> Tensor:
    return a * 2 if a.item() > 0 else a * 3


NOT_OFFERED: dict[str, Callable[[Tensor], Tensor]] = {
    "another function": lambda a: torch.erf(a),
    "an argument that no formula takes": lambda a: torch.round(a, decimals=1) * a,
    "a rounded quotient": lambda a: torch.div(a, 2, rounding_mode="floor") * a,
    "a branch on a number": choose,
    "a number that came back": lambda a: a * float(a),
    "more than one number": lambda a: (a * torch.ones(2)).sum(),
    "two results": lambda a: a * a.reshape(1).max(0).values.sum(),
    "an infinite number": lambda a: a + (a * 0).reciprocal(),
}


@pytest.mark.parametrize("why", NOT_OFFERED)
def test_what_could_come_out_wrong_is_not_offered(why):
    a = torch.tensor(1.5, requires_grad=True)
    with gf.trace(a=a) as t:
        loss = NOT_OFFERED[why](a)
    assert formulas(t.flow(loss)) is None


def test_what_is_read_at_the_end_changes_nothing():
    a = torch.tensor(1.5, requires_grad=True)
    with gf.trace(a=a) as t:
        loss = a * 2
        loss.item()
    assert formulas(t.flow(loss)) is not None


def test_only_what_an_optimizer_holds_moves():
    flow, _, _ = Program((False, False, True), (("mul", 0, 1, False), ("add", 2, 3, False))).run((1.0, 2.0, 3.0))
    assert [["0", 1], ["1", 1], ["2", 0]] == [[str(i), moves] for i, _, moves in formulas(flow)["leaves"]]
    assert [0, 1, 0] == [moves for _, _, moves in formulas(flow, {"x1"})["leaves"]]
