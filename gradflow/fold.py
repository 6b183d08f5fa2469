"""Which branches of a tree to open so that it fits on a screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Key = TypeVar("Key")
Leaf = TypeVar("Leaf")

MUST = 9


@dataclass(eq=False)
class Branch(Generic[Key, Leaf]):
    """A part of a tree that is shown as one line, or opened and shown as the lines of its children.

    Attributes:
        key: what it stands for.
        children: leaves and further branches.
        rank: how much there is to see inside; from ``MUST`` upwards it opens whatever the room.
    """

    key: Key
    children: list[Leaf | Branch[Key, Leaf]] = field(default_factory=list)
    rank: int = 0

    def leaves(self) -> list[Leaf]:
        """Everything in it that is not a branch, in order."""
        found: list[Leaf] = []
        stack: list[Leaf | Branch[Key, Leaf]] = [self]
        while stack:
            item = stack.pop()
            if isinstance(item, Branch):
                stack.extend(reversed(item.children))
            else:
                found.append(item)
        return found


Shown = tuple[tuple[Branch[Key, Leaf], ...], Leaf | Branch[Key, Leaf]]


def visible(root: Branch[Key, Leaf], most: int, least: int = 0) -> list[Shown[Key, Leaf]]:
    """The closed branches and the leaves to show, in order, for about ``most`` lines.

    The root is open. Its branches are opened level by level, a whole level at once while there is room,
    and then only those of a higher rank.

    Args:
        root: the whole tree.
        most: how many lines there is room for.
        least: where fewer lines than this would be shown, the next level is opened whatever the room.

    Returns:
        Each with the opened branches around it, the root left out.

    >>> tree = Branch("", [1, Branch("a", [2, 3, 4]), Branch("b", [5, 6], rank=1)])
    >>> [item if isinstance(item, int) else item.key for _, item in visible(tree, most=4)]
    [1, 'a', 5, 6]
    """
    opened = {id(root)}
    room = most - len(root.children)
    level = _branches([root])
    while level:
        everything = sum(map(_cost, level)) <= room or most - room < least
        chosen = level if everything else _by_rank(level, room)
        opened.update(map(id, chosen))
        room -= sum(map(_cost, chosen))
        level = _branches(chosen)
    return _walk(root, opened)


def _branches(parents: Sequence[Branch[Key, Leaf]]) -> list[Branch[Key, Leaf]]:
    return [child for parent in parents for child in parent.children if isinstance(child, Branch)]


def _cost(branch: Branch[Key, Leaf]) -> int:
    return len(branch.children) - 1


def _by_rank(level: Sequence[Branch[Key, Leaf]], room: int) -> list[Branch[Key, Leaf]]:
    chosen = []
    for branch in sorted(level, key=lambda branch: -branch.rank):
        if branch.rank >= MUST or _cost(branch) == 0 or (branch.rank and _cost(branch) <= room):
            chosen.append(branch)
            room -= _cost(branch)
    return chosen


def _walk(root: Branch[Key, Leaf], opened: set[int]) -> list[Shown[Key, Leaf]]:
    shown: list[Shown[Key, Leaf]] = []
    stack: list[Shown[Key, Leaf]] = [((), child) for child in reversed(root.children)]
    while stack:
        around, item = stack.pop()
        if isinstance(item, Branch) and id(item) in opened:
            stack.extend(((*around, item), child) for child in reversed(item.children))
        else:
            shown.append((around, item))
    return shown
