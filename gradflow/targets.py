"""The functions that cut a gradient by their nature, by the bare name that an op is shown by.

A new kind of cut has its room here. What cuts by what was seen of it (gradients off, no derivative, None sent)
is decided in ``explain``.
"""

from __future__ import annotations

# They give a tensor without history, whatever they are given.
DETACHING = frozenset(
    {"detach", "detach_", "data", "tensor", "new_tensor", "Parameter", "set_", "deepcopy"}
)
# They give a tensor without history unless they are asked for one with.
DETACHING_UNLESS_TRACKED = frozenset({"grad", "alias"})
# Numbers leave PyTorch, and may come back: a number, an array, a choice of branch.
NUMBER_EXITS = frozenset({"item", "tolist", "float", "int", "index", "complex"})
ARRAY_EXITS = frozenset({"numpy", "array", "tolist"})
BRANCH_EXITS = frozenset({"bool", "is_nonzero", "equal", "allclose", "contains"})
EXITS = NUMBER_EXITS | ARRAY_EXITS | BRANCH_EXITS
# They have a slope, and regions where it is 0.
FLAT = frozenset(
    {"relu", "relu6", "hardtanh", "hardswish", "hardsigmoid", "threshold", "clamp", "clip", "clamp_min", "clamp_max"}
    | {"round", "floor", "ceil", "trunc", "fix", "sign", "sgn", "heaviside", "softshrink", "hardshrink"}
)
# No op of the computation: it watches or changes the gradient of a value.
HOOK = "register_hook"
