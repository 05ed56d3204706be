"""iMaterialist (Fashion) 2019: run-length masks in a CSV file, classes with attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from training.datasets.base import present
from training.datasets.files import PICTURES, read_csv, read_json
from training.datasets.masks import MAX_SIDE, from_pairs, runs_box
from training.datasets.records import TEST, TRAIN, Instance, Picture
from training.datasets.report import Broken, Report
from training.datasets.taxonomy import Taxonomy, packaged
from training.datasets.values import inside, integer, sequence, table, text

COLUMNS = ("ImageId", "EncodedPixels", "Height", "Width", "ClassId")


class IMaterialist2019:
    """`train.csv`, `label_descriptions.json` and the pictures in `train`; `test` has pictures alone.

    Each row is one garment: its mask as pairs of start and length, counted from 1 down the columns of a picture of
    Height x Width, and its class with its attributes as "class_attribute_attribute".
    """

    def __init__(self, root: Path, taxonomy: Taxonomy | None = None) -> None:
        """See `training.datasets.base.DataSet`."""
        self._root, self._taxonomy = root, taxonomy or packaged("imaterialist2019")
        present(root, "iMaterialist 2019", {TRAIN: root / "train.csv"})
        self.splits = (TRAIN, TEST) if (root / "test").is_dir() else (TRAIN,)
        self.attributes: Mapping[int, str] = {}

    def pictures(self, split: str, report: Report) -> Iterator[Picture]:
        """See `training.datasets.base.DataSet`."""
        if split == TEST:
            for path in sorted((self._root / "test").iterdir()):
                yield Picture(f"test/{path.name}", path, split=TEST)
            return
        names = self._read_names(report)
        done: set[str] = set()
        rows = read_csv(self._root / "train.csv", COLUMNS)
        for image, group in groupby(_until_broken(rows, report), key=lambda row: row[1]["ImageId"]):
            own = list(group)
            at = f"train.csv line {own[0][0]}"
            if image in done:
                report.add(at, f"the rows of {image[:80]} are not together; these are left out")
                continue
            done.add(image)
            picture = report.attempt(at, self._picture, image, own, names, report)
            if picture is not None:
                yield picture

    def _read_names(self, report: Report) -> dict[int, str]:
        """Class names by number; attribute names go into `attributes`."""
        path = self._root / "label_descriptions.json"
        note = report.attempt(path.name, lambda: table(read_json(path), "the file")) if path.is_file() else {}
        self.attributes = _named(note or {}, "attributes", path.name, report)
        own = dict(enumerate(self._taxonomy.categories))
        return _named(note or {}, "categories", path.name, report) or own

    def _picture(self, image: str, rows: list[Any], names: Mapping[int, str], report: Report) -> Picture:
        folder = self._root / "train"
        path = inside(folder, text(image, "ImageId"))
        if not path.is_file():
            # Later copies of the set leave the ending away.
            path = next((p for e in PICTURES if (p := folder / (path.name + e)).is_file()), path)
        if not path.is_file():
            raise Broken(f"its picture train/{image[:80]} is missing")
        instances, sizes = [], set()
        for line, row in rows:
            found = report.attempt(f"train.csv line {line}", self._instance, row, names)
            if found is not None:
                sizes.add(found[0])
                instances.append(found[1])
        if len(sizes) > 1:
            raise Broken(f"the rows of {image[:80]} disagree about its size")
        return Picture(f"train/{image}", path, size=next(iter(sizes), None), instances=tuple(instances))

    def _instance(self, row: Mapping[str, str], names: Mapping[int, str]) -> tuple[tuple[int, int], Instance]:
        height, width = (integer(row[side], side, 1, MAX_SIDE) for side in ("Height", "Width"))
        kind, *attributes = row["ClassId"].split("_")
        number = integer(kind, "ClassId")
        if number not in names:
            raise Broken(f"there is no class {number}")
        mask = from_pairs(row["EncodedPixels"], height, width)
        numbers = tuple(integer(a, "an attribute of ClassId") for a in attributes)
        if self.attributes and any(a not in self.attributes for a in numbers):
            raise Broken(f"ClassId {row['ClassId'][:60]} names an attribute that label_descriptions.json lacks")
        name = names[number]
        return (width, height), Instance(
            name, self._taxonomy.type_id(name), runs_box(mask), segmentation=mask, attributes=numbers
        )


def _until_broken(rows: Iterator[Any], report: Report) -> Iterator[Any]:
    while (row := report.attempt("train.csv", next, rows, None)) is not None:
        yield row


def _named(note: Mapping[str, Any], key: str, where: str, report: Report) -> dict[int, str]:
    found: dict[int, str] = {}

    def put(row: Any) -> None:
        found[integer(table(row, "it")["id"], "id")] = text(row["name"], "name")

    for i, row in enumerate(report.attempt(where, lambda: sequence(note.get(key, []), key)) or ()):
        report.attempt(f"{where} {key} {i}", put, row)
    return found
