"""Frees what a catalogue no longer needs: generations before the current one, leftovers of killed writers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from matcher.catalog import folder
from matcher.catalog.lock import WriterLock
from matcher.catalog.removal import remove_generation
from matcher.errors import CatalogError


@dataclass(frozen=True)
class Freed:
    """What was removed: names of entries of the catalogue's folder, and their size in bytes."""

    names: tuple[str, ...]
    size: int


def collect(root: Path | str, keep_previous: bool = False, keep_work: bool = False) -> Freed:
    """Remove old generations and what stopped writers left. Readers that have a generation open keep it.

    Args:
        root: the catalogue's folder.
        keep_previous: keep the generation before the current one, for readers that are just opening it.
        keep_work: keep the finished pictures of a build that was stopped.

    Raises:
        CatalogError: there is no catalogue, somebody is writing it, or the disk refuses.
    """
    root = Path(root)
    folder.current(root)
    try:
        lock = WriterLock(root / folder.LOCK)
        try:
            return _collect(root, keep_previous, keep_work)
        finally:
            lock.release()
    except OSError as error:
        raise CatalogError(f"cannot clear {root} ({error.strerror})") from error


def _collect(root: Path, keep_previous: bool, keep_work: bool) -> Freed:
    # Asked under the lock: a writer may have finished just now.
    current = folder.current(root).name
    older = [name for name in map(folder.generation_name, folder.generations(root)) if name != current]
    wanted = {current, *(older[-1:] if keep_previous else ())}
    removed, size = [], 0
    for entry in sorted(root.iterdir()):
        if _is_needed(entry.name, wanted, keep_work):
            continue
        size += _size(entry)
        removed.append(entry.name)
        if entry.is_dir() and not entry.is_symlink():
            remove_generation(entry)
        else:
            entry.unlink()
    return Freed(tuple(removed), size)


def _is_needed(name: str, generations: set[str], keep_work: bool) -> bool:
    if folder.generation_number(name) is not None:
        return name in generations
    if name.startswith(folder.WORK):
        return keep_work
    # What is not ours is not ours to remove.
    return not name.startswith((folder.PARTIAL, f"{folder.CURRENT}."))


def _size(entry: Path) -> int:
    if entry.is_symlink() or not entry.is_dir():
        return entry.lstat().st_size
    return sum(path.lstat().st_size for path in entry.rglob("*") if not path.is_dir())
