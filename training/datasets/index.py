"""Pictures of a data set indexed on disk, so that training reads any of them without holding all of them."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.errors import ConfigError
from training.datasets.masks import decode
from training.datasets.records import VIDEO, Instance, Picture

_FORMAT = 1


class PictureIndex:
    """A read-only sequence of `Picture`: lines of JSON, the place of each, and the tiny pictures that have no file.

    Attributes:
        garments: of each picture: (type id, whether there is an outline) of `trainable` garments.
        origin: folder that the pictures were read from.
    """

    def __init__(self, folder: Path) -> None:
        """Open a folder written by `PictureIndex.write`.

        Raises:
            ConfigError: the folder is not a finished index.
        """
        try:
            head = json.loads((folder / "index.json").read_text(encoding="utf-8"))
            self._places = np.load(folder / "places.npy", mmap_mode="r", allow_pickle=False)
            self._lines = np.memmap(folder / "pictures.jsonl", np.uint8, "r")
        except (OSError, ValueError) as error:
            raise ConfigError(f"{folder} is not a finished index of pictures: {error}") from error
        if head.get("format") != _FORMAT:
            raise ConfigError(f"{folder} was made by another version; remove it to have it made again")
        self.origin: str = head["origin"]
        self.garments: list[list[tuple[int, bool]]] = [[tuple(g) for g in row] for row in head["garments"]]
        self._folder = folder

    def __len__(self) -> int:
        return len(self._places) - 1

    def __getitem__(self, i: int) -> Picture:
        line = self._lines[self._places[i] : self._places[i + 1]]
        return _from_table(json.loads(line.tobytes()), self._folder)

    def __getstate__(self) -> Path:
        # Loader processes map the files for themselves; a pickled map would be a copy.
        return self._folder

    def __setstate__(self, folder: Path) -> None:
        self.__init__(folder)

    @staticmethod
    def write(folder: Path, pictures: Iterable[Picture], origin: Path | None = None) -> PictureIndex:
        """Index pictures into `folder`, one at a time; the index is whole or absent, whoever else writes it too.

        Args:
            folder: made if need be.
            pictures: consumed once.
            origin: folder that they are read from.
        """
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Every process of a training run may come here first: each builds its own, and the first to finish wins.
        own = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            _write_into(own, pictures, origin)
            own.rename(folder)  # fails where another index is already
        except OSError:
            if not (folder / "index.json").is_file():
                raise
        finally:
            shutil.rmtree(own, ignore_errors=True)
        return PictureIndex(folder)


def _write_into(folder: Path, pictures: Iterable[Picture], origin: Path | None) -> None:
    places, garments = [1], []
    with (folder / "pictures.jsonl").open("wb") as file:
        file.write(b"\n")  # an empty file cannot be mapped
        for i, picture in enumerate(pictures):
            line = json.dumps(_to_table(picture, folder, i)).encode() + b"\n"
            file.write(line)
            places.append(places[-1] + len(line))
            garments.append([(g.type_id, g.segmentation is not None) for g in trainable(picture)])
    np.save(folder / "places.npy", np.array(places, np.int64))
    head = {"format": _FORMAT, "origin": str(origin or ""), "garments": garments}
    (folder / "index.json").write_text(json.dumps(head), encoding="utf-8")


def trainable(picture: Picture) -> list[Instance]:
    """Garments of known types in a photo, the largest first: small ones lie in front of large ones."""
    if picture.role == VIDEO:
        return []
    return sorted((i for i in picture.instances if i.type_id is not None and not i.crowd), key=_box_area, reverse=True)


def _box_area(instance: Instance) -> float:
    if instance.box is None:
        return float("inf")
    x0, y0, x1, y1 = instance.box
    return (x1 - x0) * (y1 - y0)


def _to_table(picture: Picture, folder: Path, number: int) -> dict[str, Any]:
    path = None if picture.path is None else str(picture.path.absolute())
    if picture.pixels is not None:
        path = f"{number}.png"
        cv2.imwrite(str(folder / path), picture.pixels)
    instances = [asdict(instance) for instance in picture.instances]
    time = None if picture.time is None else [picture.time.numerator, picture.time.denominator]
    plain = {name: getattr(picture, name) for name in ("name", "role", "split", "part", "size")}
    return {**plain, "path": path, "time": time, "instances": instances}


def _from_table(table: dict[str, Any], folder: Path) -> Picture:
    instances = []
    for row in table["instances"]:
        box, points = row["box"], tuple((x, y, int(v)) for x, y, v in row["landmarks"])
        parts = {"box": tuple(box) if box else None, "attributes": tuple(row["attributes"]), "landmarks": points}
        instances.append(Instance(**{**row, **parts}))
    time = Fraction(*table["time"]) if table["time"] else None
    size = tuple(table["size"]) if table["size"] else None
    path = folder / table["path"] if table["path"] else None  # an absolute path stays as it is
    return Picture(**{**table, "path": path, "time": time, "size": size, "instances": tuple(instances)})


def instance_mask(instance: Instance, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The mask (H, W) of 0 and 1 of a garment on its picture; its box, filled, where it has no outline.

    Raises:
        Broken: the outline belongs to a picture of another size.
    """
    height, width = image.shape[:2]
    if instance.segmentation is not None:
        return decode(instance.segmentation, height, width)
    x0, y0, x1, y1 = instance.box or (0, 0, width, height)
    mask = np.zeros((height, width), np.uint8)
    mask[max(round(y0), 0) : max(round(y1), 0), max(round(x0), 0) : max(round(x1), 0)] = 1
    return mask
