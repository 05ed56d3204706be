"""Run as a program: kills a writer at every step of its work and reads the catalogue after each.

Usage: python -m tests.catalog_crash FOLDER    prints how many steps there are, or raises
       python -m tests.catalog_crash FOLDER forever    writes generations until it is killed
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from matcher.catalog.catalog import Catalog
from tests.catalogs import random_entries, write_catalog
from tests.kill import die_at


def main() -> None:
    """See the top of the file."""
    folder = Path(sys.argv[1])
    if sys.argv[2:] == ["forever"]:
        write_forever(folder)
    write_catalog(folder, random_entries(1, 20))
    before, count = 1, 0
    while True:
        killed = killed_at(folder, count)
        after = verified_generation(folder)
        # A number may be skipped: a generation whose writer died just before the switch was never read.
        assert after >= before, f"step {count}: generation {after} after {before}"
        assert killed or after > before
        if not killed:
            break
        before, count = after, count + 1
    left = sorted(entry.name for entry in folder.iterdir())
    assert left == ["CURRENT", f"gen-{before:06d}", f"gen-{after:06d}"], left
    print(count)


def killed_at(folder: Path, step: int) -> bool:
    """Whether a writer that dies at this step of its work died; when the work has fewer steps it ends well."""
    child = os.fork()
    if child == 0:
        die_at(step)
        write_catalog(folder, random_entries(2, 20))
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert status == 0 or os.WIFSIGNALED(status), "the writer failed instead of dying"
    return os.WIFSIGNALED(status)


def verified_generation(folder: Path) -> int:
    """Number of the current generation, whose content must be whole."""
    catalog = Catalog.load(folder)
    expected = random_entries(1 if catalog.generation == 1 else 2, 20)
    assert catalog.products(range(20)) == [product for product, _ in expected]
    assert all((catalog.reconstruct(row) == vectors).all() for row, (_, vectors) in enumerate(expected))
    return catalog.generation


def write_forever(folder: Path) -> None:
    """Write generation after generation until somebody kills us."""
    while True:
        write_catalog(folder, random_entries(2, 20))
        print("written", flush=True)


if __name__ == "__main__":
    main()
