"""Run as a program: dies while a type's index is written. Usage: python -m tests.kind_crash FOLDER before|after."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from matcher.catalog import hnsw
from matcher.catalog.interface import KindOptions
from tests.catalog_conformance import shop, write

COUNT = 1500


def main() -> None:
    """Write a first generation, then a second one up to its first index: `after` = that file is whole."""
    folder, finished = Path(sys.argv[1]), sys.argv[2] == "after"
    entries = shop(COUNT)
    write(folder, entries, KindOptions("hnsw"))
    real = hnsw.write_index

    def deadly(*arguments: object) -> None:
        if finished:
            real(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)

    hnsw.write_index = deadly
    write(folder, entries[: COUNT - 100], None)


if __name__ == "__main__":
    main()
