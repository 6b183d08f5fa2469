"""Pictures of single numbers: every number is PyTorch's own, stands at its line, and comes with its gradient."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import pytest
import torch

import gradflow as gf
from gradflow.notation import number
from gradflow.picture.cells import bounds
from gradflow.picture.payload import payload
from gradflow.picture.pictures import Picture, Wish, passes, pictured
from gradflow.picture.plan import Label, Point, Rect
from gradflow.picture.shapes import Group, Line, Text
from gradflow.picture.steps import steps
from gradflow.picture.wording import signed
from gradflow.roster import explanations

SEEDS = range(40)
WIDTHS = (720, 420)
OPS = (
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a * a,
    lambda a, b: -a,
    lambda a, b: 2 * a**3,
    lambda a, b: a / (b * b + 1),
    lambda a, b: a.detach() * b,
    lambda a, b: torch.sin(a),
)


def program(seed: int) -> tuple[gf.Flow, dict[int, torch.Tensor]]:
    """A few operations on a few numbers: the flow, and by value id what ``retain_grad`` holds after a real pass."""
    dice = random.Random(seed)
    leaves = {name: torch.tensor(dice.uniform(-2, 2), requires_grad=dice.random() < 0.85) for name in "abc"}
    leaves["a"].requires_grad_()
    with gf.trace(**leaves) as t:
        made = list(leaves.values())
        for at in range(dice.randint(2, 5)):
            made.append(dice.choice(OPS)(dice.choice(made), dice.choice(made[-2:])))
            t.name(**{f"v{at}": made[-1]})
        loss = made[-1] * leaves["a"] + made[-2]
        t.name(loss=loss)
    flow = t.flow(loss)
    named = leaves | {f"v{at}": one for at, one in enumerate(made[3:])} | {"loss": loss}
    kept = {flow.graph.names[name]: one for name, one in named.items() if one.requires_grad}
    for one in kept.values():
        one.retain_grad()
    loss.backward()
    return flow, {value: one.grad for value, one in kept.items() if one.grad is not None}


def drawn(flow: gf.Flow, width: float) -> Picture:
    return pictured(flow.graph, passes(flow), Wish())(width)


def groups(picture: Picture) -> list[Group]:
    return [item for item in picture.scene.items if isinstance(item, Group)]


def texts(group: Group, role: str) -> list[Text]:
    return [item for item in group.items if isinstance(item, Text) and item.role == role]


def said(text: Text) -> str:
    return "".join(span.text for span in text.spans)


def written(value: torch.Tensor) -> str:
    return signed(number(value.item()))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_label_says_what_retain_grad_holds(seed):
    """The label of a line gives the gradient of its value, not the share of one use."""
    flow, grads = program(seed)
    data = payload(flow.graph, {"loss": flow}, explanations(flow))
    sizes = [(row[0], row[5]) for row in data["edges"]] + [(row[0], row[3]) for row in data["parameters"]]
    told = {(value, re.split(r" [=≈] |\n", size)[0]) for value, size in sizes if size and value in grads}

    assert told
    assert told == {(value, f"gradient {written(grads[value])}") for value, _ in told}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_number_comes_with_its_gradient(seed, width):
    """A derivative is that of its value, and stands on a line or square along which it came."""
    flow, grads = program(seed)
    picture = drawn(flow, width)
    arriving = {key: step for step in steps(flow) for key in step.keys}

    shown = {}
    for group in groups(picture):
        for text in (*texts(group, "derivative"), *texts(group, "factor")):
            assert any(key in arriving for key in group.keys), (said(text), group.keys)
        for text in texts(group, "derivative"):
            key = group.keys[0]
            shown[key if isinstance(key, int) else key.value] = said(text)
    loose = [item for item in picture.scene.items if isinstance(item, Text) and item.role in ("derivative", "factor")]
    assert [] == loose
    told = {value: written(grad) for value, grad in grads.items()}
    assert shown.items() <= told.items() if picture.layouts[0].style == "list" else told.items() <= shown.items()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_factor_stands_at_its_own_line(seed, width):
    """It is near, and no other line is nearer."""
    flow, _ = program(seed)
    lines = [group for group in groups(drawn(flow, width)) if group.kind == "wire" and group.band]

    for group in lines:
        for text in texts(group, "factor"):
            room = room_of(text)
            near = distance(room, group.band)
            assert near < 12, said(text)
            assert near <= min(distance(room, other.band) for other in lines), said(text)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_factor_touches_nothing(seed, width):
    """Neither another text nor a line."""
    items = drawn(program(seed)[0], width).scene.items
    loose = [one for item in items for one in (item.items if isinstance(item, Group) else (item,))]
    lines = [one for one in loose if isinstance(one, Line)]
    words = [one for one in loose if isinstance(one, Text)]

    for text in words:
        if text.role == "factor":
            near = [said(other) for other in words if other is not text and overlap(room_of(text), room_of(other))]
            assert [] == near, said(text)
            assert 2 < min(distance(room_of(text), line.points) for line in lines), said(text)


def room_of(text: Text) -> Rect:
    return bounds(Label(text.x, text.y, said(text), text.role, text.anchor))


def overlap(a: Rect, b: Rect) -> bool:
    return a.x < b.right and b.x < a.right and a.y + 1 < b.bottom and b.y + 1 < a.bottom


def twice() -> gf.Flow:
    """A value that one op takes twice, another that two ops take, and a cube."""
    x = torch.tensor(2.0, requires_grad=True)
    with gf.trace(x=x) as t:
        h = -x
        s = h * h
        c = h**3
        f = s + c
    t.name(h=h, s=s, c=c, f=f)
    return t.flow(f)


def test_shares_are_listed():
    """What several uses sent of one number stands behind their sum, and which op sent what."""
    flow = twice()
    data = payload(flow.graph, {"loss": flow}, explanations(flow))
    h = flow.graph.names["h"]

    both = "gradient 8 = −2 + (−2) + 12\n"
    assert [f"{both}−4 from ×"] * 2 + [f"{both}12 from pow"] == [row[5] for row in data["edges"] if row[0] == h]
    assert ["gradient −8"] == [row[5] for row in data["edges"] if row[0] == flow.graph.names["x"]]


def test_a_hook_is_no_share():
    """Where a hook changes the sum, no addition is written that is wrong."""
    x = torch.tensor(2.0, requires_grad=True)
    with gf.trace(x=x) as t:
        h = -x
        h.register_hook(lambda gradient: gradient * 10)
        f = h * h
    t.name(h=h, f=f)
    flow = t.flow(f)
    sizes = [row[5] for row in payload(flow.graph, {"loss": flow}, explanations(flow))["edges"]]

    assert ["gradient 40", "", "gradient −40", "gradient −40"] == sizes


@pytest.mark.parametrize("width", WIDTHS)
def test_both_factors_of_a_square_are_written(width):
    """An op that takes one value twice has its factor for each use; a cube looks like one."""
    picture = drawn(twice(), width)
    factors = {said(text) for group in groups(picture) for text in texts(group, "factor")}

    assert {"×(−2) twice", "×12", "×(−1)"} <= factors
    assert "( )³" in {said(item) for item in picture.scene.items if isinstance(item, Text)}


def distance(room: Rect, path: tuple[Point, ...]) -> float:
    """From a rectangle to a line along the axes."""
    return min(apart(room, a, b) for a, b in pairwise(path))


def apart(room: Rect, a: Point, b: Point) -> float:
    across = max(min(a.x, b.x) - room.right, room.x - max(a.x, b.x), 0.0)
    down = max(min(a.y, b.y) - room.bottom, room.y - max(a.y, b.y), 0.0)
    return (across**2 + down**2) ** 0.5
