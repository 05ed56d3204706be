"""DeepFashion2: one JSON file for each picture (Ge et al., CVPR 2019)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from training.datasets.base import present
from training.datasets.files import MAX_SMALL, read_json
from training.datasets.masks import segmentation
from training.datasets.records import SHOP, STREET, TEST, TRAIN, VALIDATION, Instance, Picture
from training.datasets.report import Broken, Report
from training.datasets.taxonomy import Taxonomy, packaged
from training.datasets.values import box_xyxy, integer, landmarks, table

_ROLES = {"shop": SHOP, "user": STREET}
# Labels of each garment, 1 to 3: small to large, little to much hidden, whole to cut off, not worn/from front/side.
CONDITIONS = ("scale", "occlusion", "zoom_in", "viewpoint")


class DeepFashion2:
    """Folders `train` and `validation` with `image` and `annos`, and `test` with `image` alone.

    A product is (pair_id, style) where the style is above 0: the shop and the people of one pair_id may show several
    styles (colours, prints), and garments of style 0 have no partner.
    """

    attributes: Mapping[int, str] = {}

    def __init__(self, root: Path, taxonomy: Taxonomy | None = None) -> None:
        """See `training.datasets.base.DataSet`."""
        self._root, self._taxonomy = root, taxonomy or packaged("deepfashion2")
        self._points = packaged("deepfashion2").rest["landmarks"]["counts"]
        self.splits = present(root, "DeepFashion2", {s: root / s / "image" for s in (TRAIN, VALIDATION, TEST)})

    def pictures(self, split: str, report: Report) -> Iterator[Picture]:
        """See `training.datasets.base.DataSet`."""
        folder = self._root / split
        if not (folder / "annos").is_dir():
            for path in sorted((folder / "image").glob("*.jpg")):
                yield Picture(f"{split}/{path.stem}", path, split=split)
            return
        for path in sorted((folder / "annos").glob("*.json")):
            picture = report.attempt(f"{split}/annos/{path.name}", self._picture, path, split, report)
            if picture is not None:
                yield picture
        annotated = {path.stem for path in (folder / "annos").glob("*.json")}
        for path in sorted((folder / "image").glob("*.jpg")):
            if path.stem not in annotated:
                report.add(f"{split}/image/{path.name}", "has no annotation file")

    def _picture(self, path: Path, split: str, report: Report) -> Picture:
        note = table(read_json(path, MAX_SMALL), "the file")
        image = path.parent.parent / "image" / f"{path.stem}.jpg"
        if not image.is_file():
            raise Broken(f"its picture image/{image.name} is missing")
        pair = integer(note["pair_id"], "pair_id")
        if note["source"] not in _ROLES:
            raise Broken(f"source is {str(note['source'])[:40]!r}, not 'shop' or 'user'")
        rows = []
        for name in sorted(key for key in note if key.startswith("item")):
            row = report.attempt(f"{split}/annos/{path.name} {name}", self._instance, note[name], pair)
            if row is not None:
                rows.append(row)
        return Picture(f"{split}/{path.stem}", image, _ROLES[note["source"]], split, instances=tuple(rows))

    def _instance(self, item: Any, pair: int) -> Instance:
        item = table(item, "the item")
        number = integer(item["category_id"], "category_id", 1, len(self._points))
        name = self._taxonomy.category(number, first=1)
        if item.get("category_name", name) != name:
            raise Broken(f"category_id {number} is {name!r}, but category_name is {str(item['category_name'])[:40]!r}")
        points = landmarks(item.get("landmarks", []))
        if points and len(points) != self._points[number - 1]:
            raise Broken(f"has {len(points)} landmarks; a {name} has {self._points[number - 1]}")
        style = integer(item["style"], "style")
        return Instance(
            category=name,
            type_id=self._taxonomy.type_id(name),
            box=box_xyxy(item["bounding_box"]),
            segmentation=segmentation(item.get("segmentation")),
            landmarks=points,
            identity=f"df2-{pair}-{style}" if style > 0 else "",
            conditions={key: integer(item[key], key, 1, 3) for key in CONDITIONS if key in item},
        )
