"""MovingFashion: social videos, each with the shop picture of what is worn (Godi et al., WACV 2022)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from training.datasets.base import present
from training.datasets.files import read_json
from training.datasets.pixels import clip_seconds
from training.datasets.records import GALLERY, QUERY, SHOP, TEST, TRAIN, VALIDATION, VIDEO, Instance, Picture
from training.datasets.report import Broken, Report
from training.datasets.taxonomy import Taxonomy
from training.datasets.values import inside, integer, sequence, table, text

FRAMES = 10  # moments of a video, as many as the published protocol looks at
REGULAR = 1  # `source` of products filmed for the shop itself; others are the hard ones


class MovingFashion:
    """`train.json`, `val.json` and `test.json`: product id to {"video_paths", "img_path", "source"}.

    No garment is located and none has a type: an instance is the whole picture. Each video gives `FRAMES` moments,
    spread evenly from its start.
    """

    attributes: Mapping[int, str] = {}

    def __init__(self, root: Path, taxonomy: Taxonomy | None = None) -> None:
        """See `training.datasets.base.DataSet`."""
        self._root = root
        self._files = {TRAIN: root / "train.json", VALIDATION: root / "val.json", TEST: root / "test.json"}
        self.splits = present(root, "MovingFashion", self._files)

    def pictures(self, split: str, report: Report) -> Iterator[Picture]:
        """The shop picture of each product, then the moments of its videos."""
        where = self._files[split].name
        products = report.attempt(where, lambda: table(read_json(self._files[split]), "the file")) or {}
        for product, row in products.items():
            at = f"{where} product {product[:60]}"
            shop = report.attempt(at, self._shop, product, row, split)
            if shop is None:
                continue
            yield shop
            for name in report.attempt(at, lambda row=row: sequence(row["video_paths"], "video_paths")) or ():
                yield from report.attempt(at, self._moments, name, shop, split) or ()

    def _shop(self, product: str, row: Any, split: str) -> Picture:
        row = table(row, "the product")
        path = inside(self._root, text(row["img_path"], "img_path"))
        if not path.is_file():
            raise Broken(f"its picture {row['img_path'][:100]} is missing")
        source = integer(row.get("source", REGULAR), "source")
        instance = Instance("garment", None, identity=f"mf-{product}", conditions={"source": source})
        part = "" if split == TRAIN else GALLERY
        return Picture(f"{split}/{product}/shop", path, SHOP, split, part, instances=(instance,))

    def _moments(self, name: Any, shop: Picture, split: str) -> list[Picture]:
        path = inside(self._root, text(name, "a video's path"))
        if not path.is_file():
            raise Broken(f"its video {name[:100]} is missing")
        seconds = clip_seconds(path)
        part = "" if split == TRAIN else QUERY
        stem = shop.name.rpartition("/")[0]
        return [
            Picture(f"{stem}/{name}@{i}", path, VIDEO, split, part, time=seconds * i / FRAMES, instances=shop.instances)
            for i in range(FRAMES if seconds > Fraction(0) else 1)
        ]
