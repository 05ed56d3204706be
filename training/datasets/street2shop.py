"""Street2Shop: street photos with boxes, shop photos, and which belong together (Kiapour et al., ICCV 2015)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from training.datasets.base import present
from training.datasets.files import pictures_by_stem, read_json, read_lines
from training.datasets.records import GALLERY, QUERY, SHOP, STREET, TEST, TRAIN, Instance, Picture
from training.datasets.report import Report
from training.datasets.taxonomy import Taxonomy, packaged
from training.datasets.values import box_xywh, integer, sequence, table

Rows = list[tuple[str, Any]]  # where in the files, and the row


class Street2Shop:
    """`meta/json/{train_pairs,test_pairs,retrieval}_CATEGORY.json`, `photos/photos.txt` and the pictures.

    The set is a list of addresses, many of which are dead: photos are looked for in `images`, `images/CATEGORY` and
    `photos` under their number, with or without leading zeros, and those that are missing are reported.
    """

    attributes: Mapping[int, str] = {}

    def __init__(self, root: Path, taxonomy: Taxonomy | None = None) -> None:
        """See `training.datasets.base.DataSet`."""
        self._root, self._taxonomy = root, taxonomy or packaged("street2shop")
        self._listings: dict[Path, dict[str, Path]] = {}
        self._meta = next((p for p in (root / "meta" / "json", root / "meta", root) if _has_pairs(p)), root)
        needed = {TRAIN: self._first("train_pairs"), TEST: self._first("test_pairs")}
        self.splits = present(root, "Street2Shop", needed)

    def _first(self, name: str) -> Path:
        """The first of eleven files that is there; where none is, the name of one."""
        files = [self._pairs(name, category) for category in self._taxonomy.categories]
        return next((file for file in files if file.is_file()), files[0])

    def _pairs(self, name: str, category: str) -> Path:
        return self._meta / f"{name}_{category}.json"

    def pictures(self, split: str, report: Report) -> Iterator[Picture]:
        """Street photos, then shop photos: of the products trained on, or for the test all, which are its gallery."""
        street: dict[int, list[Instance]] = defaultdict(list)
        shown: dict[str, set[int]] = defaultdict(set)
        for category in self._taxonomy.categories:
            name = f"{split}_pairs"
            for where, row in self._rows(name, category, report):
                found = report.attempt(where, self._street, row, category)
                if found is not None:
                    photo, product, instance = found
                    shown[category].add(product)
                    if instance is not None:
                        street[photo].append(instance)
                    else:
                        report.add(where, f"the box {row.get('bbox')} of photo {photo} has no area", "box without area")
        addresses = self._addresses(report)
        part = QUERY if split == TEST else ""
        for photo in sorted(street):
            yield from self._found(photo, street[photo], STREET, split, part, addresses, report)
        yield from self._shop(split, shown, addresses, report)

    def _shop(
        self, split: str, shown: Mapping[str, set[int]], addresses: Mapping[int, str], report: Report
    ) -> Iterator[Picture]:
        part = GALLERY if split == TEST else ""
        for category in self._taxonomy.categories:
            for where, row in self._rows("retrieval", category, report):
                found = report.attempt(where, _numbers, row)
                if found is None or (split == TRAIN and found[1] not in shown[category]):
                    continue
                photo, product = found
                instance = Instance(category, self._taxonomy.type_id(category), identity=_identity(product))
                yield from self._found(photo, [instance], SHOP, split, part, addresses, report)

    def _rows(self, name: str, category: str, report: Report) -> Rows:
        path = self._pairs(name, category)
        if not path.is_file():
            return []
        rows = report.attempt(path.name, lambda: sequence(read_json(path), "the file"))
        return [(f"{path.name} row {i}", row) for i, row in enumerate(rows or ())]

    def _street(self, row: Any, category: str) -> tuple[int, int, Instance | None]:
        """Photo, product and garment; no garment where the box is empty, as some are."""
        photo, product = _numbers(row)
        box = table(row["bbox"], "bbox")
        sides = [box["left"], box["top"], box["width"], box["height"]]
        if all(isinstance(v, int | float) for v in sides) and min(sides[2:]) <= 0:
            return photo, product, None
        kind = self._taxonomy.type_id(category)
        return photo, product, Instance(category, kind, box_xywh(sides), identity=_identity(product))

    def _found(
        self,
        photo: int,
        rows: list[Instance],
        role: str,
        split: str,
        part: str,
        addresses: Mapping[int, str],
        report: Report,
    ) -> Iterator[Picture]:
        path = self._photo(photo, [row.category for row in rows])
        if path is None:
            where = f"; its address was {addresses[photo]}" if photo in addresses else ""
            report.add(f"photo {photo}", f"was not downloaded{where}", "photo not downloaded")
            return
        category = rows[0].category if role == SHOP else "street"
        yield Picture(f"{split}/{category}/{photo}", path, role, split, part, instances=tuple(rows))

    def _photo(self, photo: int, categories: list[str]) -> Path | None:
        folders = [self._root / "images", *(self._root / "images" / c for c in categories), self._root / "photos"]
        stems = (f"{photo:09d}", str(photo))
        return next((found for f in folders for s in stems if (found := self._listing(f).get(s)) is not None), None)

    def _listing(self, folder: Path) -> dict[str, Path]:
        # Looking for each of 400,000 photos under every ending would take longer than reading the folder once.
        if folder not in self._listings:
            self._listings[folder] = pictures_by_stem(folder)
        return self._listings[folder]

    def _addresses(self, report: Report) -> dict[int, str]:
        """Photo number to address, from photos.txt: one "number,address" a line."""
        addresses: dict[int, str] = {}
        path = next((p for p in (self._root / "photos" / "photos.txt", self._root / "photos.txt") if p.is_file()), None)
        if path is None:
            return addresses

        def read() -> None:
            for line, content in read_lines(path):
                number, _, address = content.partition(",")
                if number.strip().isdigit() and len(number) < 16 and address.strip():
                    addresses[int(number)] = address.strip()
                elif content.strip():
                    report.add(f"photos.txt line {line}", "is not a number, a comma and an address", "bad photos.txt")

        report.attempt("photos.txt", read)
        return addresses


def _has_pairs(folder: Path) -> bool:
    return any(folder.glob("train_pairs_*.json")) or any(folder.glob("test_pairs_*.json"))


def _numbers(row: Any) -> tuple[int, int]:
    row = table(row, "the row")
    return integer(row["photo"], "photo"), integer(row["product"], "product")


def _identity(product: int) -> str:
    return f"s2s-{product}"
