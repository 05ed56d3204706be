"""Single garments cut out of every source, as one memory-mapped store that the classifier and the embedder share.

A row is a square crop around one garment with a wide margin, so that views can shift, turn and scale it without
going back to the photo. Rows of one `identity` show the same piece of clothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.boxes import crop_square, mask_on_crop, square
from matcher.errors import ConfigError

SIZE = 192
MARGIN = 0.3

# Kinds of row. FLAT: a photo of one garment, segmented. PHOTO: the same photo whole, its box is the whole picture.
# WORN: on a person in a street photo. PACKSHOT, DRAWN: rendered, as a shop shows it and as people wear it.
# TRYON: a photographed garment put on somebody else, see `training.tryon`; in public data sets of pairs, a photo of
# somebody who wears the product.
FLAT, PHOTO, WORN, PACKSHOT, DRAWN, TRYON = "flat", "photo", "worn", "packshot", "drawn", "tryon"
TRAIN, VALIDATION = "train", "validation"


@dataclass(frozen=True)
class Row:
    """What is known about one crop.

    Attributes:
        kind: one of the kinds above.
        split: train or validation.
        type_id: index into `matcher.taxonomy.TYPES`.
        identity: name of the piece of clothing; unique over all sources.
        box: xyxy of the garment in pixels of the crop.
    """

    kind: str
    split: str
    type_id: int
    identity: str
    box: tuple[float, float, float, float] = field(default=(0.0, 0.0, float(SIZE), float(SIZE)))


@dataclass(frozen=True)
class Garment:
    """One crop.

    Attributes:
        image: (SIZE, SIZE, 3) uint8 BGR.
        mask: (SIZE, SIZE) uint8 0..255.
        row: what is known about it.
        found: as `mask`, but as a detector gave it (`training.data.found_masks`); all 0 where it found nothing.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    row: Row
    found: NDArray[np.uint8] | None = None


def cut(image: NDArray[np.uint8], mask: NDArray[np.uint8], box: NDArray[np.float32], row: Row) -> Garment:
    """Cut a garment out of a picture.

    Args:
        image: (H, W, 3) uint8 BGR.
        mask: (H, W) of 0 and 1.
        box: (4,) whole-pixel xyxy of the part of the mask that counts.
        row: what is known; its box is filled in here.
    """
    left, top, side = square(box, MARGIN)
    x0, y0, x1, y1 = (int(v) for v in box)
    inside = mask_on_crop(mask[y0:y1, x0:x1].astype(np.float32), box, SIZE, MARGIN)
    placed = (np.asarray(box, np.float64) - (left, top, left, top)) * (SIZE / side)
    known = Row(row.kind, row.split, row.type_id, row.identity, tuple(float(v) for v in placed))
    return Garment(crop_square(image, box, SIZE, MARGIN), (inside * 255).astype(np.uint8), known)


def mask_box(mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Smallest box (4,) xyxy, right and bottom exclusive, around the non-zero pixels of a mask that has some."""
    xs, ys = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    return np.array([xs[0], ys[0], xs[-1] + 1, ys[-1] + 1], np.float32)


class GarmentStore:
    """A read-only sequence of `Garment` on disk (a folder made by `GarmentStore.write`)."""

    def __init__(self, folder: Path, found: NDArray[np.uint8] | None = None) -> None:
        """Open a store; `found` (N, SIZE, SIZE) are its rows' masks as a detector gave them.

        Raises:
            ConfigError: the folder is not a finished store.
        """
        self.folder = folder
        try:
            entries = json.loads((folder / "index.json").read_text(encoding="utf-8"))
            self.rows = [Row(**{**entry, "box": tuple(entry["box"])}) for entry in entries]
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(f"{folder} is not a finished store of garments: {error}") from error
        shape = (len(self.rows), SIZE, SIZE)
        self._images = np.memmap(folder / "images.u8", np.uint8, "r", shape=(*shape, 3))
        self._masks = np.memmap(folder / "masks.u8", np.uint8, "r", shape=shape)
        self._found = found

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> Garment:
        found = None if self._found is None else np.asarray(self._found[i])
        return Garment(np.asarray(self._images[i]), np.asarray(self._masks[i]), self.rows[i], found)

    @staticmethod
    def write(folder: Path, garments: Iterable[Garment]) -> GarmentStore:
        """Pack garments into `folder`; the index is written last, so a store is whole or absent."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = []
        with (folder / "images.u8").open("wb") as images, (folder / "masks.u8").open("wb") as masks:
            for garment in garments:
                images.write(np.ascontiguousarray(garment.image).tobytes())
                masks.write(np.ascontiguousarray(garment.mask).tobytes())
                rows.append(asdict(garment.row))
        (folder / "index.tmp").write_text(json.dumps(rows), encoding="utf-8")
        (folder / "index.tmp").rename(folder / "index.json")
        return GarmentStore(folder)


class Garments:
    """Several stores read as one sequence."""

    def __init__(self, stores: Iterable[GarmentStore | Garments]) -> None:
        """Join stores, or what is joined already, in the order given."""
        self._places = [(store, i) for store in stores for i in range(len(store))]
        self.rows = [store.rows[i] for store, i in self._places]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, i: int) -> Garment:
        store, at = self._places[i]
        return store[at]

    def find(self, split: str | None = None, kinds: Iterable[str] | None = None) -> list[int]:
        """Numbers of the rows of a split and of some kinds; None takes all."""
        wanted = None if kinds is None else set(kinds)
        return [
            i
            for i, row in enumerate(self.rows)
            if (split is None or row.split == split) and (wanted is None or row.kind in wanted)
        ]
