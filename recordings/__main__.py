"""Run with ``make recordings`` or ``python -m recordings [topic ...] [--check]``."""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from recordings.record import differences, load, quiet, record, scripts, store


def main(topics: list[str], check: bool) -> int:
    """Record the topics, or say where a new run differs from what is stored."""
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    found = 0
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=quiet, max_tasks_per_child=1) as alone:
        for script in scripts(topics):
            new = alone.submit(record, script).result()
            faults = differences(load(script), new) if check else []
            found += len(faults)
            print(f"{script.parent.name}/{script.stem}", *faults or ["ok"], sep="\n  ")
            if not check:
                store(script, new)
    return min(found, 1)


if __name__ == "__main__":
    reader = argparse.ArgumentParser(prog="python -m recordings", description=__doc__)
    reader.add_argument("topics", nargs="*", help="folders to record; all, if none is named")
    reader.add_argument("--check", action="store_true", help="compare a new run with what is stored; store nothing")
    told = reader.parse_args()
    sys.exit(main(told.topics, told.check))
