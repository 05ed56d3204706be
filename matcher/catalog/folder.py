"""The folder of a catalogue: numbered generations, and `CURRENT`, which names the one to read.

shop.catalog/
  CURRENT        "gen-000012", replaced atomically
  gen-000011/    the one before, for readers that are just opening it
  gen-000012/    products.sqlite, one index per type, for some kinds its vectors, manifest.json (written last)
  writer.lock    while somebody writes
  work.sqlite    finished pictures of a build that was stopped; the next build goes on from there
  partial-.../   while somebody writes; a leftover of a killed writer is removed by the next one
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from matcher.errors import CatalogError

CURRENT = "CURRENT"
LOCK = "writer.lock"
PARTIAL = "partial-"
WORK = "work.sqlite"
_GENERATION = re.compile(r"gen-(\d{6,12})")


def generation_name(number: int) -> str:
    """Folder name of a generation, e.g. "gen-000012"."""
    return f"gen-{number:06d}"


def generation_number(name: str) -> int | None:
    """Number of a generation from its folder name; None when it is not such a name."""
    match = _GENERATION.fullmatch(name)
    return int(match[1]) if match else None


def generations(root: Path) -> list[int]:
    """Numbers of all generation folders, ascending; the current one is named by `current`."""
    if not root.is_dir():
        return []
    numbers = (generation_number(entry.name) for entry in root.iterdir() if entry.is_dir())
    return sorted(number for number in numbers if number is not None)


def current(root: Path) -> Path:
    """The folder of the current generation.

    Raises:
        CatalogError: there is no catalogue, or `CURRENT` does not name a generation.
    """
    try:
        name = (root / CURRENT).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        raise CatalogError(f"no catalogue at {root}; make one with: asworn index FEED --out {root}") from None
    # Only a plain generation name is accepted, so that the file cannot point outside the folder.
    if generation_number(name) is None:
        raise CatalogError(f"{root / CURRENT} names no generation; {rebuild_hint(root)}")
    return root / name


def is_catalog(root: Path) -> bool:
    """Whether the folder looks like a catalogue, finished or not."""
    return (root / CURRENT).is_file() or bool(generations(root))


def is_ours(root: Path) -> bool:
    """Whether an existing folder may become a catalogue: it is empty, is one, or holds what a killed writer left.

    Asked of one listing: another writer may be at work, and two looks could fall on either side of its commit.
    """
    names = [entry.name for entry in root.iterdir()]
    if any(name == CURRENT or generation_number(name) is not None for name in names):
        return True
    return all(name == LOCK or name.startswith((PARTIAL, WORK, f"{CURRENT}.")) for name in names)


def rebuild_hint(root: Path) -> str:
    """The end of a message: the command that makes the catalogue anew."""
    return f"rebuild it with: asworn index FEED --out {root}"


def replace_current(root: Path, number: int) -> None:
    """Point readers at another generation: they see the old name or the new one, never a half-written file."""
    temporary = root / f"{CURRENT}.{os.getpid()}.new"
    with temporary.open("w", encoding="ascii") as file:
        file.write(generation_name(number) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, root / CURRENT)
    sync_folder(root)


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder survive a power cut, where the system can (not on Windows)."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Force a file's bytes to the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
