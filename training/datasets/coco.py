"""COCO annotation files, plain and with attributes: Fashionpedia, and sets of one's own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matcher.errors import InputError
from training.datasets.base import present
from training.datasets.files import read_json
from training.datasets.masks import segmentation
from training.datasets.records import TEST, TRAIN, VALIDATION, Instance, Picture
from training.datasets.report import Broken, Report
from training.datasets.taxonomy import Taxonomy, packaged
from training.datasets.values import box_xywh, inside, integer, landmarks, sequence, table, text

_MAX_SIDE = 100_000


@dataclass(frozen=True)
class CocoFile:
    """The three lists of a COCO file, indexed; what could not be indexed is in the report.

    Attributes:
        images: the file's images, in its order.
        rows: image id to its annotations.
        categories: category id to name.
        attributes: attribute id to name.
    """

    images: list[Mapping[str, Any]]
    rows: Mapping[Any, list[Mapping[str, Any]]]
    categories: Mapping[Any, str]
    attributes: Mapping[int, str]

    @classmethod
    def read(cls, path: Path, where: str, report: Report) -> CocoFile:
        """Read and index a file; `where` is its name in the report."""
        note = table(read_json(path), "the file")
        images = {}
        for i, image in enumerate(sequence(note["images"], "images")):
            report.attempt(f"{where} image {i}", _keep, images, image)
        rows: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
        for i, row in enumerate(sequence(note.get("annotations", []), "annotations")):
            report.attempt(f"{where} annotation {i}", _put, rows, images, row)
        return cls(
            list(images.values()),
            rows,
            _names(note["categories"], f"{where} category", report),
            _names(note.get("attributes", []), f"{where} attribute", report),
        )


def _keep(images: dict[Any, Any], image: Any) -> None:
    key = _key(table(image, "the image")["id"])
    text(image["file_name"], "file_name")
    if key in images:
        raise Broken(f"the image id {str(key)[:40]} occurs twice")
    images[key] = image


def _put(rows: dict[Any, list[Any]], images: Mapping[Any, Any], row: Any) -> None:
    key = _key(table(row, "the annotation")["image_id"])
    if key not in images:
        raise Broken(f"there is no image with the id {str(key)[:40]}")
    rows[key].append(row)


def _key(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise Broken(f"the id {str(value)[:40]!r} is neither a number nor a text")
    return value


def _names(rows: Any, where: str, report: Report) -> dict[Any, str]:
    names: dict[Any, str] = {}

    def put(row: Any) -> None:
        names[_key(table(row, "it")["id"])] = text(row["name"], "name")

    for i, row in enumerate(sequence(rows, "the list")):
        report.attempt(f"{where} {i}", put, row)
    return names


class CocoSet:
    """Annotation files for the splits, and the folders that their pictures may be in.

    Keypoints, attributes and instance-level `item_id` (the product, an extension of ours) are read where they occur.
    """

    def __init__(
        self,
        name: str,
        files: Mapping[str, Path],
        folders: Mapping[str, Sequence[Path]],
        taxonomy: Taxonomy,
    ) -> None:
        """Name the files.

        Args:
            name: in front of identities.
            files: split to annotation file; those that do not exist are left out.
            folders: split to the folders where its pictures are looked for, in this order.
            taxonomy: of its categories.
        """
        self._name, self._files, self._folders, self._taxonomy = name, files, folders, taxonomy
        self.splits = tuple(split for split, path in files.items() if path.is_file())
        self.attributes: Mapping[int, str] = {}

    def pictures(self, split: str, report: Report) -> Iterator[Picture]:
        """See `training.datasets.base.DataSet`."""
        where = self._files[split].name
        coco = report.attempt(where, CocoFile.read, self._files[split], where, report)
        if coco is None:
            return
        self.attributes = coco.attributes
        types = {key: report.attempt(where, self._taxonomy.type_id, name) for key, name in coco.categories.items()}
        for image in coco.images:
            at = f"{where} image {str(image['id'])[:40]}"
            picture = report.attempt(at, self._picture, image, split, coco, types, report, at)
            if picture is not None:
                yield picture

    def _picture(
        self,
        image: Mapping[str, Any],
        split: str,
        coco: CocoFile,
        types: Mapping[Any, int | None],
        report: Report,
        at: str,
    ) -> Picture:
        path = self._path(image["file_name"], split)
        size = None
        if image.get("width") and image.get("height"):
            size = tuple(integer(image[side], side, 1, _MAX_SIDE) for side in ("width", "height"))
        rows = []
        for row in coco.rows.get(image["id"], ()):
            name = f"{at} annotation {str(row.get('id', '?'))[:40]}"
            found = report.attempt(name, self._instance, row, coco, types)
            if found is not None:
                rows.append(found)
        return Picture(f"{split}/{image['file_name']}", path, split=split, size=size, instances=tuple(rows))

    def _path(self, name: str, split: str) -> Path:
        for folder in self._folders[split]:
            path = inside(folder, name)
            if path.is_file():
                return path
        raise Broken(f"its picture {name[:100]} is missing")

    def _instance(self, row: Mapping[str, Any], coco: CocoFile, types: Mapping[Any, int | None]) -> Instance:
        key = _key(row["category_id"])
        if key not in coco.categories:
            raise Broken(f"there is no category with the id {str(key)[:40]}")
        attributes = tuple(
            integer(a, "an attribute") for a in sequence(row.get("attribute_ids") or [], "attribute_ids")
        )
        strange = [a for a in attributes if a not in coco.attributes]
        if strange:
            raise Broken(f"there is no attribute with the id {strange[0]}")
        identity = row.get("item_id")
        return Instance(
            category=coco.categories[key],
            type_id=types[key],
            box=box_xywh(row["bbox"]),
            segmentation=segmentation(row.get("segmentation")),
            attributes=attributes,
            landmarks=landmarks(row.get("keypoints") or []),
            identity=f"{self._name}-{_key(identity)}" if identity not in (None, "") else "",
            crowd=bool(row.get("iscrowd")),
        )


class Fashionpedia(CocoSet):
    """`instances_attributes_{train,val}2020.json`, and the pictures in `train` and `test` (val and test share one)."""

    def __init__(self, root: Path, taxonomy: Taxonomy | None = None) -> None:
        """See `training.datasets.base.DataSet`."""
        names = {TRAIN: "instances_attributes_train2020.json", VALIDATION: "instances_attributes_val2020.json"}
        places = (root / "annotations", root)
        files = {s: next((p / n for p in places if (p / n).is_file()), root / n) for s, n in names.items()}
        folders = {
            TRAIN: [root / "train", root / "images" / "train", root / "train2020"],
            VALIDATION: [root / "test", root / "val", root / "images" / "test", root / "val_test2020"],
        }
        present(root, "Fashionpedia", files)
        super().__init__("fp", files, folders, taxonomy or packaged("fashionpedia"))


class PlainCoco(CocoSet):
    """A COCO file for each split (`train.json` or `annotations/instances_train*.json`), or `instances.json` alone."""

    def __init__(self, root: Path, taxonomy: Taxonomy | None = None) -> None:
        """See `training.datasets.base.DataSet`."""
        files, folders = {}, {}
        for split, names in ((TRAIN, ("train",)), (VALIDATION, ("validation", "val", "valid")), (TEST, ("test",))):
            found = [p for n in names for p in _coco_files(root, n)]
            if found:
                files[split] = found[0]
            folders[split] = [root / place / n for place in ("", "images") for n in names]
            folders[split] += [p.parent for p in found] + [root / "images", root / "photos", root]
        alone = [p for p in (root / "instances.json", root / "_annotations.coco.json") if p.is_file()]
        if not files and alone:
            files[TRAIN] = alone[0]
        if not files:
            raise InputError(
                f"{root} does not hold a COCO set: there is no train.json, annotations/instances_train*.json or "
                "instances.json"
            )
        super().__init__("coco", files, folders, taxonomy or Taxonomy())


def _coco_files(root: Path, name: str) -> list[Path]:
    candidates = [root / f"{name}.json", root / "annotations" / f"{name}.json", root / name / "_annotations.coco.json"]
    return [p for p in candidates if p.is_file()] + sorted((root / "annotations").glob(f"instances_{name}*.json"))
