"""What each PyTorch function means for a trace."""

from __future__ import annotations

import functools
from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

import torch

from gradflow.targets import EXITS, HOOK


class Role(Enum):
    """How a call is recorded."""

    COMPUTE = "an op, if it makes or changes a tensor"
    READ = "nothing: it reads a tensor's description, fills a new one, or runs a backward pass"
    EXIT = "an op without outputs: a number leaves PyTorch"
    GRAD_MODE = "nothing, but the grad mode changes"
    FLAG = "nothing, but requires_grad changes"
    HOOK = "an op without outputs: a gradient hook was registered"
    ASSIGN = "an op: the data of a tensor is replaced"
    MAKE = "nothing: it takes the shape of a tensor, and makes a constant"
    EACH = "an op for each tensor of a list"
    AUTOGRAD = "an op whose inputs are found by looking at its history"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


class Rule(NamedTuple):
    """The role of a function and the name it is shown by."""

    role: Role
    target: str


READS = _words(
    "size dim ndimension stride numel nelement is_contiguous storage_offset storage untyped_storage "
    "_typed_storage data_ptr element_size get_device is_floating_point is_complex is_signed is_inference "
    "is_shared is_pinned is_set_to is_same_size has_names is_coalesced _is_view _is_zerotensor is_conj "
    "is_neg __len__ __repr__ __str__ __format__ __hash__ __dir__ __reduce_ex__ backward retain_grad "
    "register_post_accumulate_grad_hook share_memory_ is_tensor is_storage typename "
    "_record_function_enter_new get_default_dtype result_type can_cast get_rng_state is_autocast_enabled "
    "sparse_dim dense_dim is_distributed __cuda_array_interface__"
)
MAKERS = _words(
    "zeros_like ones_like empty_like full_like rand_like randn_like randint_like new_zeros new_ones "
    "new_empty new_full new_empty_strided"
)
_DUNDERS = _words("array float int bool index complex contains")  # of these, only __bool__ and the like are exits
EACH = _words("broadcast_tensors atleast_1d atleast_2d atleast_3d")
TENSOR_PROPERTIES = frozenset({"data", "T", "mT", "H", "mH", "real", "imag"})
_NAMES = {
    "__radd__": "add",
    "__rmul__": "mul",
    "__iadd__": "add_",
    "__isub__": "sub_",
    "__imul__": "mul_",
    "__idiv__": "div_",
    "__itruediv__": "div_",
    "__ipow__": "pow_",
}


@functools.cache
def rule(function: Callable[..., Any]) -> Rule:
    """The rule for a function as a function mode sees it.

    >>> rule(torch.Tensor.item)
    Rule(role=<Role.EXIT: 'an op without outputs: a number leaves PyTorch'>, target='item')
    >>> rule(torch.Tensor.data.__get__).target
    'data'
    """
    name = getattr(function, "__name__", "") or type(function).__name__
    if name in ("__get__", "__set__", "__delete__"):
        return _property_rule(name, getattr(getattr(function, "__self__", None), "__name__", ""))
    if name == "_set_grad_enabled":
        return Rule(Role.GRAD_MODE, name)
    bare = name.removeprefix("__").removesuffix("__")
    if bare in EXITS and (bare != name) == (bare in _DUNDERS):
        return Rule(Role.EXIT, bare)
    if name in READS or name.startswith("_record_function") or getattr(function, "__module__", "") == "torch.nn.init":
        return Rule(Role.READ, name)
    if name in MAKERS:
        return Rule(Role.MAKE, name)
    if name == "requires_grad_":
        return Rule(Role.FLAG, name)
    if name == HOOK:
        return Rule(Role.HOOK, name)
    if function is torch.autograd.grad:
        return Rule(Role.AUTOGRAD, "grad")
    if name in EACH or name.startswith("_foreach_"):
        return Rule(Role.EACH, name.removeprefix("_foreach_"))
    return Rule(Role.COMPUTE, _NAMES.get(name) or bare.split(".")[0])


def _property_rule(access: str, name: str) -> Rule:
    if access == "__get__":
        return Rule(Role.COMPUTE if name in TENSOR_PROPERTIES else Role.READ, name)
    if access == "__set__" and name == "data":
        return Rule(Role.ASSIGN, name)
    if access == "__set__" and name == "requires_grad":
        return Rule(Role.FLAG, name)
    return Rule(Role.READ, name)
