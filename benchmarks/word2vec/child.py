"""One measurement in a process of its own: ``python -m benchmarks.word2vec.child MODULE FUNCTION CORES ARGUMENTS``.

The process is tied to its cores before anything is imported that counts them.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module


def main(module: str, function: str, cores: str, arguments: str) -> None:
    """Print what the function returns, as JSON, in the last line."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
    measure = getattr(import_module(f"benchmarks.word2vec.{module}"), function)
    print(json.dumps(measure(**json.loads(arguments))))


if __name__ == "__main__":
    main(*sys.argv[1:])
