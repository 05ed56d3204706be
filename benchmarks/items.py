"""Garments in pictures on disk: what a retrieval benchmark searches for, and what it searches in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as rle

from benchmarks.parallel import ordered
from matcher.files import write_whole
from matcher.video.image import read_image
from training.evaluation.output import Progress

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class View:
    """One garment in one picture.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        xyxy: (4,) float32 box in pixels of the picture.
        mask: (h, w) float32 0..1 over the box, of any size.
    """

    image: NDArray[np.uint8]
    xyxy: NDArray[np.float32]
    mask: NDArray[np.float32]


@dataclass(frozen=True)
class Item:
    """A garment whose picture is a file.

    Attributes:
        file: path below the list's root.
        xyxy: box in pixels.
        mask: COCO's compressed RLE over the picture as text; empty = all of the box is garment.
        size: (height, width) of the picture.
        type_id: index into `taxonomy.TYPES`.
        identity: name of the product.
    """

    file: str
    xyxy: tuple[float, float, float, float]
    mask: str
    size: tuple[int, int]
    type_id: int
    identity: str

    def whole_mask(self) -> NDArray[np.uint8]:
        """(H, W) of 0 and 1."""
        if self.mask:
            return rle.decode({"size": list(self.size), "counts": self.mask.encode()})
        x0, y0, x1, y1 = _whole_pixels(self.xyxy)
        mask = np.zeros(self.size, np.uint8)
        mask[y0:y1, x0:x1] = 1
        return mask

    def view(self, image: NDArray[np.uint8]) -> View:
        """The garment in its picture, which must have been read."""
        x0, y0, x1, y1 = _whole_pixels(self.xyxy)
        mask = self.whole_mask()[y0:y1, x0:x1].astype(np.float32)
        return View(image, np.array([x0, y0, x1, y1], np.float32), mask)


def item_of(file: str, mask: NDArray[np.uint8], xyxy: NDArray[np.float32], type_id: int, identity: str) -> Item:
    """An item from a mask (H, W) of 0 and 1 and a box (4,)."""
    counts = rle.encode(np.asfortranarray(mask, np.uint8))["counts"].decode()
    box = tuple(float(value) for value in xyxy)
    return Item(file, box, counts, (mask.shape[0], mask.shape[1]), int(type_id), identity)


@dataclass(frozen=True)
class ItemList:
    """Items below one folder."""

    root: Path
    items: tuple[Item, ...]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def pictures(self) -> list[tuple[Path, list[int]]]:
        """Every picture once, with the rows of the neighbouring items on it."""
        groups = groupby(range(len(self.items)), key=lambda row: self.items[row].file)
        return [(self.root / file, list(rows)) for file, rows in groups]

    def look(self, work: Callable[[NDArray[np.uint8], list[int]], T], workers: int, progress: Progress) -> list[T]:
        """The results of some work on every picture and its rows, in order, by several threads."""
        groups = self.pictures()
        done = ordered(lambda group: work(read_image(group[0]), group[1]), groups, workers)
        return list(progress(done, "pictures", len(groups)))

    @property
    def types(self) -> NDArray[np.int64]:
        """(N,) type ids."""
        return np.array([item.type_id for item in self.items], np.int64)

    @property
    def key(self) -> str:
        """Text that is the same for the same list."""
        return json.dumps([asdict(item) for item in self.items])


def stored(path: Path, root: Path, make: Callable[[], Iterable[Item]]) -> ItemList:
    """Read a list from a file; make it and write the file where there is none."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps([asdict(item) for item in make()]))
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return ItemList(
        root, tuple(Item(**{**row, "xyxy": tuple(row["xyxy"]), "size": tuple(row["size"])}) for row in rows)
    )


def _whole_pixels(xyxy: tuple[float, ...]) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = (int(round(value)) for value in xyxy)
    return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)
