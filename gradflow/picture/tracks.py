"""How one line is drawn: its look by its state, its head, the bars on it, and where it leaves another line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gradflow.picture.paths import Path, backwards, heading, length, longest, on, shared, shortened, split
from gradflow.picture.plan import Point
from gradflow.picture.shapes import Bars, Head, Line, Primitive
from gradflow.picture.states import EDGE_STATES

_GAP = 6.0  # from the middle of two bars to the line
_ORANGE = 64.0
_BACKWARD = ("reached", "zero")


class Track(NamedTuple):
    """One line, from the border of what made a value to the border of what uses it.

    Attributes:
        path: its corners.
        state: of the use that it stands for.
        core: which of two losses reached it: ``""`` (there is one), ``solid``, ``hollow`` or ``both``.
        bars: where bars stand on it, as lengths from its start.
        is_cut: whether bars stand somewhere on it, where it runs alone.
        after_cut: whether it starts at bars.
        into_cut: whether it ends at bars.
        gap: what is left free at its start.
        size: of the bars on it.
    """

    path: Path
    state: str
    core: str = ""
    bars: tuple[float, ...] = ()
    is_cut: bool = False
    after_cut: bool = False
    into_cut: bool = False
    gap: float = 0.0
    size: float = 20.0


class Branch(NamedTuple):
    """What is left of a path that runs together with others at first.

    Attributes:
        path: from where it leaves them.
        trunk: index of the path that it leaves, or None if it leaves none.
        together: the stretch that it shares.
    """

    path: Path
    trunk: int | None = None
    together: Path = ()


def drawn(tracks: Sequence[Track], joined_at_end: bool = False) -> list[list[Primitive]]:
    """What is drawn for each of several lines that may share a stretch: the strongest state lies there.

    Args:
        tracks: lines of one value; or lines into one op.
        joined_at_end: whether they share their last stretch, not the first.
    """
    turn = backwards if joined_at_end else tuple
    paths = [turn(track.path) for track in tracks]
    order = sorted(range(len(tracks)), key=lambda i: (EDGE_STATES.index(tracks[i].state), -length(paths[i]), i))
    branches = _branches(paths, order)
    tracks = [
        _with_bars(track, index, paths, joined_at_end) if track.is_cut else track for index, track in enumerate(tracks)
    ]
    sharp = tuple(branch.path[0] for branch in branches if branch.trunk is not None and branch.path)
    found = []
    for track, branch in zip(tracks, branches, strict=True):
        trunk = None if branch.trunk is None else tracks[branch.trunk]
        found.append(_drawn(track, turn(branch.path), trunk, turn(branch.together), sharp, joined_at_end))
    return found


def _with_bars(track: Track, index: int, paths: Sequence[Path], turned: bool) -> Track:
    """A line with its bars on the longest stretch that no other line shares; its path may be turned around."""
    alone = max((shared(other, paths[index]) for at, other in enumerate(paths) if at != index), default=0.0)
    start, end = longest(split(paths[index], alone)[1])
    at = alone + (start + end) / 2
    return track._replace(bars=(length(track.path) - at if turned else at,))


def _branches(paths: Sequence[Path], order: Sequence[int]) -> list[Branch]:
    """Each path from where it leaves those before it in the order."""
    branches = [Branch(path) for path in paths]
    for position, index in enumerate(order):
        together, trunk = max(
            ((shared(paths[earlier], paths[index]), -earlier) for earlier in order[:position]), default=(0.0, 0)
        )
        if together > 0.5:
            first, rest = split(paths[index], together)
            branches[index] = Branch(rest, -trunk, first)
    return branches


def _drawn(
    track: Track, path: Path, trunk: Track | None, together: Path, sharp: tuple[Point, ...], at_end: bool
) -> list[Primitive]:
    if len(path) < 2:  # it lies wholly on another line
        return []
    leaves = trunk is not None and not at_end
    meets = trunk is not None and (track.state in _BACKWARD) is not at_end  # its head would be where the two part
    joins = trunk is not None and meets and trunk.state == track.state
    before = length(track.path) - length(path) if leaves else 0.0
    bars = tuple(at - before for at in track.bars if at > before)
    stretches = _stretches(path, bars, track.after_cut and not leaves)
    items = _of_both(track, trunk, together) if leaves else []
    for index, (stretch, behind) in enumerate(stretches):
        is_last = index == len(stretches) - 1
        gap = track.gap if index == 0 and not leaves else 0.0
        stretch = shortened(stretch, gap, 1.0 if is_last and track.into_cut else 0.0)
        headless = joins or not is_last or (track.into_cut and track.state not in _BACKWARD)
        items += _stretch(track, stretch, behind, is_last, headless, 4.0 if meets else 0.0, _those_on(path, sharp))
    return items + [Bars(split(path, at)[0][-1], _heading_at(path, at), track.size, clear=True) for at in bars]


def _of_both(track: Track, trunk: Track | None, together: Path) -> list[Primitive]:
    """The stretch that the lines of two losses share."""
    differ = trunk is not None and track.state == trunk.state == "reached" and track.core != trunk.core
    return _lines(shortened(together, 6.0), "reached", "both", ()) if differ else []


def _stretches(path: Path, bars: Sequence[float], after_cut: bool) -> list[tuple[Path, bool]]:
    """The pieces of a line between its bars, and whether each begins at bars."""
    ends = [*(at - _GAP for at in bars), length(path)]
    starts = [1.0 if after_cut else 0.0, *(at + _GAP for at in bars)]
    pieces = []
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if end - start > 1:
            pieces.append((split(split(path, end)[0], start)[1], after_cut or index > 0))
    return pieces


def _heading_at(path: Path, at: float) -> tuple[int, int]:
    return heading(split(path, at - 1)[1])


def _stretch(
    track: Track, path: Path, behind: bool, is_last: bool, headless: bool, apart: float, sharp: tuple[Point, ...]
) -> list[Primitive]:
    """One piece of a line; ``behind`` says that it begins at bars, ``apart`` how far a head keeps from a trunk."""
    state = track.state
    if state in ("reached", "zero", "undefined") and not is_last:
        state = "missing"  # what lies before the bars got nothing
    if state in _BACKWARD:
        return _backward(path, state, track.core, headless, sharp, apart)
    if state == "missing" and behind:
        return _behind_bars(path, headless, sharp)
    return _forward(path, state, headless or state == "undefined", sharp, apart)


def _backward(
    path: Path, state: str, core: str, headless: bool, sharp: tuple[Point, ...], apart: float
) -> list[Primitive]:
    """A line with its head at its start."""
    end = 3.0 if state == "zero" else 0.0
    if headless:
        return _lines(shortened(path, 0.0, end), state, core, sharp)
    path = shortened(path, apart)
    dx, dy = heading(path)
    room = {"reached": 6.0, "zero": 8.0}[state]
    head = Head(state, path[0], (-dx, -dy))
    return [*_lines(shortened(path, room, end), state, core, sharp), head]


def _forward(path: Path, state: str, headless: bool, sharp: tuple[Point, ...], apart: float = 0.0) -> list[Primitive]:
    """A thin line with its head, if any, at its end."""
    path = path if headless else shortened(path, 0.0, apart)
    line = Line(state, path, sharp)
    if headless:
        return [line]
    dx, dy = heading(backwards(path))
    return [line, Head("quiet", path[-1], (-dx, -dy))]


def _behind_bars(path: Path, headless: bool, sharp: tuple[Point, ...]) -> list[Primitive]:
    """Orange next to the bars, then the dashes of what is missing; a line that is all orange has no head."""
    total = length(path)
    if total <= _ORANGE:
        return [Line("cut", path, sharp)]
    near, far = split(path, min(_ORANGE, total - 20))
    return [Line("cut", near, _those_on(near, sharp)), *_forward(far, "missing", headless, _those_on(far, sharp))]


def _those_on(path: Path, points: tuple[Point, ...]) -> tuple[Point, ...]:
    return tuple(point for point in points if on(path, point))


def _lines(path: Path, state: str, core: str, sharp: tuple[Point, ...]) -> list[Primitive]:
    """A line, or the two or three that make a core."""
    looks = _CORES.get(core, ("",)) if state == "reached" else ("",)
    return [Line(f"{state} {look}".strip(), path, sharp) for look in looks]


_CORES = {"hollow": ("shell", "core"), "both": ("wide", "gap", "inner")}
