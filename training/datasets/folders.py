"""Folders named after types: ROOT/CLASS/*.jpg, or ROOT/SPLIT/CLASS/*.jpg."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from matcher.errors import InputError
from training.datasets.files import pictures_in
from training.datasets.records import TEST, TRAIN, VALIDATION, Instance, Picture
from training.datasets.report import Report
from training.datasets.taxonomy import Taxonomy

_NAMES = {TRAIN: ("train",), VALIDATION: ("validation", "val", "valid"), TEST: ("test",)}


class Folders:
    """A folder of pictures for each class; each picture shows one garment, and the whole picture is its box."""

    attributes: Mapping[int, str] = {}

    def __init__(self, root: Path, taxonomy: Taxonomy | None = None) -> None:
        """See `training.datasets.base.DataSet`."""
        self._taxonomy = taxonomy or Taxonomy()
        found = {s: next((root / n for n in names if (root / n).is_dir()), None) for s, names in _NAMES.items()}
        self._folders = {split: folder for split, folder in found.items() if folder} or {TRAIN: root}
        if not any(
            child.is_dir() for folder in self._folders.values() if folder.is_dir() for child in folder.iterdir()
        ):
            raise InputError(f"{root} has no folders named after types, such as {root / 'tops'}")
        self.splits = tuple(self._folders)

    def pictures(self, split: str, report: Report) -> Iterator[Picture]:
        """See `training.datasets.base.DataSet`."""
        root = self._folders[split]
        for folder in sorted(p for p in root.iterdir() if p.is_dir()):
            type_id = report.attempt(folder.name, self._taxonomy.type_id, folder.name)
            if type_id is None:  # reported, or deliberately no type
                continue
            paths = pictures_in(folder)
            if not paths:
                report.add(folder.name, "has no pictures")
            for path in paths:
                instance = Instance(folder.name, type_id)
                yield Picture(f"{split}/{path.relative_to(root)}", path, split=split, instances=(instance,))
