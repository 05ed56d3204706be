"""Removing generations: their folders, and what their kind keeps elsewhere."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

from matcher.catalog import folder
from matcher.catalog.interface import REMOTE
from matcher.catalog.kinds import kind_of
from matcher.errors import MatcherError


def remove_generation(path: Path) -> None:
    """Remove the folder of a generation, finished or not, after what it keeps elsewhere.

    Raises:
        OSError: the folder cannot be removed.
        MatcherError: what it keeps elsewhere cannot be removed now; the folder stays, and says where that is.
    """
    note = path / REMOTE
    kind = _kind_in(note) if note.is_file() and not note.is_symlink() else ""
    if kind:
        kind_of(kind).discard(path)
    shutil.rmtree(path)


def try_to_remove(path: Path) -> None:
    """The same; what cannot be removed now stays for the next writer, or for `asworn catalog gc`, which says why."""
    with contextlib.suppress(OSError, MatcherError):
        remove_generation(path)


def _kind_in(note: Path) -> str:
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""  # its writer was killed before anything was kept elsewhere
    kind = content.get("kind") if isinstance(content, dict) else None
    return kind if isinstance(kind, str) else ""


def remove_leftovers(root: Path) -> None:
    """Remove what a killed writer left behind. Only the holder of the lock may call this."""
    for entry in root.iterdir():
        if entry.name.startswith(folder.PARTIAL) and entry.is_dir() and not entry.is_symlink():
            try_to_remove(entry)
        elif entry.name.startswith(f"{folder.CURRENT}.") and entry.name.endswith(".new"):
            entry.unlink(missing_ok=True)


def prune(root: Path, keep: set[str]) -> None:
    """Remove all generations but the ones of these names."""
    for name in map(folder.generation_name, folder.generations(root)):
        if name not in keep:
            try_to_remove(root / name)
