"""DeepFashion's two retrieval benchmarks: lists of boxes, landmarks, attributes and parts (Liu et al., CVPR 2016)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from training.datasets.base import present
from training.datasets.files import read_lines, read_list, stated_count
from training.datasets.records import (
    GALLERY,
    QUERY,
    SHOP,
    STREET,
    TEST,
    TRAIN,
    VALIDATION,
    Box,
    Instance,
    Picture,
)
from training.datasets.report import Broken, Report
from training.datasets.taxonomy import Taxonomy, packaged
from training.datasets.values import box_xyxy, inside, integer, number

# Visibility in these lists (0 seen, 1 hidden, 2 cut off) as COCO's.
_VISIBLE = {0: 2, 1: 1, 2: 0}
_CLOTHES = {1: "upper", 2: "lower", 3: "full"}
_LANDMARKS = {1: 6, 2: 4, 3: 8}


@dataclass
class Lists:
    """What the lists of a benchmark say, by picture.

    Attributes:
        boxes: picture to (clothes type, source or pose, box).
        landmarks: picture to landmarks with COCO's visibilities.
        attributes: item to numbers of its attributes.
        names: attribute number to name.
    """

    boxes: dict[str, tuple[int, int, Box]] = field(default_factory=dict)
    landmarks: dict[str, tuple[tuple[float, float, int], ...]] = field(default_factory=dict)
    attributes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)


class _Benchmark:
    """Folders `Anno`, `Eval` and `img` (or `Img/img`)."""

    title = ""
    kind = ""  # how its lists are called
    statuses: Mapping[str, tuple[str, str]] = {}  # evaluation status to split and part

    def __init__(self, root: Path, taxonomy: Taxonomy | None = None) -> None:
        """See `training.datasets.base.DataSet`."""
        self._root, self._taxonomy = root, taxonomy or packaged("deepfashion")
        self._partition = root / "Eval" / "list_eval_partition.txt"
        present(root, self.title, {TRAIN: self._partition})
        present(root, self.title, {TRAIN: self._anno("list_bbox")})
        self._pictures = next((p for p in (root, root / "Img") if (p / "img").is_dir()), root)
        self.splits = tuple(dict.fromkeys(split for split, _ in self.statuses.values()))
        self.attributes: Mapping[int, str] = {}

    def _anno(self, name: str, kind: bool = True) -> Path:
        return self._root / "Anno" / (f"{name}_{self.kind}.txt" if kind else f"{name}.txt")

    def pictures(self, split: str, report: Report) -> Iterator[Picture]:
        """See `training.datasets.base.DataSet`."""
        lists = self._lists(report)
        self.attributes = lists.names
        seen: set[str] = set()
        for where, words in _rows(self._partition, report):
            for name, item, part in report.attempt(where, self._shown, words, split) or ():
                if name in seen:
                    continue
                seen.add(name)
                picture = report.attempt(where, self._picture, name, item, split, part, lists)
                if picture is not None:
                    yield picture

    def _shown(self, words: list[str], split: str) -> list[tuple[str, str, str]]:
        """Pictures of a row of the partition: (name, item, part)."""
        raise NotImplementedError

    def _status(self, word: str) -> tuple[str, str]:
        if word not in self.statuses:
            raise Broken(f"the status {word[:40]!r} is none of {', '.join(self.statuses)}")
        return self.statuses[word]

    def _role(self, source: int) -> str:
        raise NotImplementedError

    def _picture(self, name: str, item: str, split: str, part: str, lists: Lists) -> Picture:
        if name not in lists.boxes:
            raise Broken(f"{name} has no box")
        clothes, source, box = lists.boxes[name]
        path = inside(self._pictures, name)
        if not path.is_file():
            raise Broken(f"the picture {name} is missing")
        category, type_id = self._category(name)
        instance = Instance(
            category=category,
            type_id=type_id,
            box=box,
            attributes=lists.attributes.get(item, ()),
            landmarks=lists.landmarks.get(name, ()),
            identity=f"{self.kind}-{item}",
            conditions={"clothes_type": clothes},
        )
        return Picture(f"{split}/{name}", path, self._role(source), split, part, instances=(instance,))

    def _category(self, name: str) -> tuple[str, int | None]:
        """The finest folder of a picture's path that the taxonomy knows."""
        folders = name.split("/")[1:-2]
        for folder in reversed(folders):
            try:
                return folder, self._taxonomy.type_id(folder)
            except Broken:
                continue
        raise Broken(f"none of the folders {'/'.join(folders)[:80]} is a known category")

    def _lists(self, report: Report) -> Lists:
        lists = Lists()
        box_file = self._anno("list_bbox")
        for where, words in _rows(box_file, report):
            report.attempt(where, _read_box, words, lists)
        stated = report.attempt(box_file.name, stated_count, box_file)
        if stated is not None and stated != len(lists.boxes):
            report.add(box_file.name, f"says that it has {stated} boxes; {len(lists.boxes)} can be used")
        if self._anno("list_landmarks").is_file():
            for where, words in _rows(self._anno("list_landmarks"), report):
                report.attempt(where, _read_landmarks, words, lists)
        if self._anno("list_attr_items", kind=False).is_file():
            self._read_attributes(lists, report)
        return lists

    def _read_attributes(self, lists: Lists, report: Report) -> None:
        names = self._anno("list_attr_cloth", kind=False)
        if names.is_file():
            rows = islice(read_lines(names), 2, None)
            lists.names = {i: content.strip() for i, (_, content) in enumerate(rows)}
        for where, words in _rows(self._anno("list_attr_items", kind=False), report):
            report.attempt(where, _read_item, words, lists)


class ConsumerToShop(_Benchmark):
    """Consumer-to-shop: rows of the partition are pairs (consumer's picture, shop's picture, item, status)."""

    title = "DeepFashion consumer-to-shop"
    kind = "consumer2shop"
    statuses = {"train": (TRAIN, ""), "val": (VALIDATION, ""), "test": (TEST, "")}

    def _shown(self, words: list[str], split: str) -> list[tuple[str, str, str]]:
        if len(words) != 4:
            raise Broken(f"has {len(words)} words, not two pictures, an item and a status")
        consumer, shop, item, status = words
        own = self._status(status)[0]
        if split == TEST and own == VALIDATION:
            return [(shop, item, GALLERY)]  # the gallery of the test is that of both
        if own != split:
            return []
        query, gallery = ("", "") if split == TRAIN else (QUERY, GALLERY)
        return [(consumer, item, query), (shop, item, gallery)]

    def _role(self, source: int) -> str:
        return SHOP if source == 1 else STREET


class InShop(_Benchmark):
    """In-shop: rows of the partition are (picture, item, status); query and gallery are both the shop's."""

    title = "DeepFashion in-shop"
    kind = "inshop"
    statuses = {"train": (TRAIN, ""), "query": (TEST, QUERY), "gallery": (TEST, GALLERY)}

    def _shown(self, words: list[str], split: str) -> list[tuple[str, str, str]]:
        if len(words) != 3:
            raise Broken(f"has {len(words)} words, not a picture, an item and a status")
        name, item, status = words
        own, part = self._status(status)
        return [(name, item, part)] if own == split else []

    def _role(self, source: int) -> str:
        return SHOP


def _rows(path: Path, report: Report) -> Iterator[tuple[str, list[str]]]:
    rows = read_list(path)
    while (row := report.attempt(path.name, next, rows, None)) is not None:
        yield f"{path.name} line {row[0]}", row[1]


def _read_box(words: list[str], lists: Lists) -> None:
    if len(words) != 7:
        raise Broken(f"has {len(words)} words, not a picture, two types and a box")
    clothes = integer(words[1], "clothes_type", 1, 3)
    # 1 and 2 are shop and consumer, or for the in-shop set 1 to 6 are poses.
    source = integer(words[2], "the second type", 1, 6)
    lists.boxes[words[0]] = clothes, source, box_xyxy(words[3:])


def _read_landmarks(words: list[str], lists: Lists) -> None:
    if len(words) < 3:
        raise Broken("is cut off")
    clothes = integer(words[1], "clothes_type", 1, 3)
    values = words[3:]
    if len(values) != 3 * _LANDMARKS[clothes]:
        raise Broken(
            f"{_CLOTHES[clothes]} clothes have {_LANDMARKS[clothes]} landmarks, this row has {len(values) / 3:g}"
        )
    lists.landmarks[words[0]] = tuple(
        (number(x, "x"), number(y, "y"), _VISIBLE[integer(seen, "a visibility", 0, 2)])
        for seen, x, y in zip(values[::3], values[1::3], values[2::3], strict=True)
    )


def _read_item(words: list[str], lists: Lists) -> None:
    labels = words[1:]
    if lists.names and len(labels) != len(lists.names):
        raise Broken(f"has {len(labels)} attributes, not {len(lists.names)}")
    strange = [w for w in labels if w not in ("-1", "0", "1")]
    if strange:
        raise Broken(f"the attribute label {strange[0][:40]!r} is none of -1, 0, 1")
    lists.attributes[words[0]] = tuple(i for i, word in enumerate(labels) if word == "1")
