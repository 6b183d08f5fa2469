"""The program that a command line names: finding its function, and running it."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from gradflow.errors import GradflowError
from gradflow.notation import listed

_PACKAGE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "")


class ProgramError(Exception):
    """The program itself raised; the message is its traceback."""


@contextlib.contextmanager
def running() -> Iterator[None]:
    """The block runs the program's own code: what it raises, also by ``sys.exit``, is a ProgramError."""
    try:
        yield
    except (KeyboardInterrupt, GradflowError):
        raise
    except BaseException as error:
        raise ProgramError(_traceback(error)) from None


def _traceback(error: BaseException) -> str:
    """The traceback without the frames of gradflow and of the import system."""
    shown = traceback.TracebackException.from_exception(error)
    part: traceback.TracebackException | None = shown
    while part is not None:
        own = [frame for frame in part.stack if not frame.filename.startswith((_PACKAGE, "<frozen "))]
        part.stack = traceback.StackSummary.from_list(own)
        part = part.__cause__ or part.__context__
    return "".join(shown.format()).rstrip()


@contextlib.contextmanager
def function_in(target: str) -> Iterator[Callable[[], Any]]:
    """The function that ``FILE.py:FUNCTION`` names; inside the block it finds the files beside its own.

    Afterwards ``sys.path`` and ``sys.modules`` are as before.

    Raises:
        GradflowError: there is no such file or function, or it takes arguments.
        ProgramError: the file itself raised.
    """
    file, _, name = target.rpartition(":")
    if not file or not name.isidentifier():
        raise GradflowError(f"{target!r} names no function; expected FILE.py:FUNCTION.")
    path = Path(file).resolve()
    if not path.is_file() or path.suffix != ".py":
        raise GradflowError(f"there is no Python file {file!r}; expected FILE.py:FUNCTION.")
    search, modules = list(sys.path), set(sys.modules)
    sys.path.insert(0, str(path.parent))
    try:
        yield _function(_load(path), name, file)
    finally:
        sys.path[:] = search
        for imported in set(sys.modules) - modules:
            if _lies_in(sys.modules[imported], path.parent):
                del sys.modules[imported]


def _load(path: Path) -> ModuleType:
    name = path.stem if path.stem not in sys.modules else f"gradflow program {path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with running():
        spec.loader.exec_module(module)
    return module


def _function(module: ModuleType, name: str, file: str) -> Callable[[], Any]:
    function = getattr(module, name, None)
    if not callable(function):
        own = [key for key, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
        raise GradflowError(f"{file} has no function {name!r}; it has {listed(own) or 'none'}.")
    if _required_arguments(function):
        raise GradflowError(f"{name}() of {file} takes arguments, and is called without any.")
    return cast("Callable[[], Any]", function)


def _required_arguments(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind()
    except TypeError:
        return True
    except ValueError:  # a builtin without a signature
        return False
    return False


def _lies_in(module: ModuleType, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).resolve().is_relative_to(folder)
