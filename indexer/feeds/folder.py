"""A folder of pictures: the file's name is the product's id, a sub-folder that names a type gives the type."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from indexer.feeds.base import PICTURE_SUFFIXES, FeedOptions, Row
from matcher.catalog.folder import is_catalog
from matcher.taxonomy import type_of


class FolderFeed:
    """All pictures below a folder. Rows are numbered in the order of the paths.

    Files of one folder that differ only in the suffix are several pictures of one product. Hidden files and
    catalogues are passed over.
    """

    kind = "folder"

    def __init__(self, path: Path, options: FeedOptions) -> None:
        """See `Format`."""
        self._root = path.resolve()

    @classmethod
    def accepts(cls, path: Path, head: str, options: FeedOptions) -> bool:
        """Whether a path is a folder."""
        return path.is_dir()

    def rows(self) -> Iterator[Row]:
        """See `Format.rows`."""
        homes: dict[str, Path] = {}
        for number, path in enumerate(self._files(), 1):
            name = path.relative_to(self._root).as_posix()
            yield Row(number, {"id": path.stem, "type": self._type_of(path)}, (name,), self._problem(path, name, homes))

    def _files(self) -> Iterator[Path]:
        for folder, folders, files in os.walk(self._root):
            here = Path(folder)
            folders[:] = sorted(one for one in folders if not one.startswith(".") and not is_catalog(here / one))
            yield from (here / file for file in sorted(files) if not _is_hidden(file))

    def _problem(self, path: Path, name: str, homes: dict[str, Path]) -> str:
        if path.suffix.lower() not in PICTURE_SUFFIXES:
            return f"{name} is not a picture by its name"
        home = homes.setdefault(path.stem, path.parent)
        other = home.relative_to(self._root).as_posix()
        taken = f"{name}: a file in {other} has the same name, which is the id; rename one"
        return "" if home == path.parent else taken

    def _type_of(self, path: Path) -> str:
        """The type that the nearest folder above names; "" when none does."""
        inside = path.parent.relative_to(self._root).parts
        return next((found for found in map(type_of, reversed(inside)) if found), "")


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in ("Thumbs.db", "desktop.ini")
