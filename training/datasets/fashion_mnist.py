"""Fashion-MNIST: 70,000 grey pictures of 28x28, as idx.gz files or npz (Xiao et al., 2017)."""

from __future__ import annotations

import gzip
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.errors import InputError
from training.datasets.records import SHOP, TEST, TRAIN, Instance, Picture
from training.datasets.report import DAMAGE, Broken, Report
from training.datasets.taxonomy import Taxonomy, packaged

SIDE = 28
CLASSES = 10
_PREFIX = {TRAIN: "train", TEST: "t10k"}
_NPZ = {TRAIN: ("fmnist_train.npz", "train.npz"), TEST: ("fmnist_test.npz", "test.npz")}
_IMAGES, _LABELS = 0x803, 0x801  # magic numbers: bytes in three and in one dimensions
_MAX_COUNT = 80_000

Arrays = tuple[NDArray[np.uint8], NDArray[np.uint8]]


class FashionMnist:
    """`train-images-idx3-ubyte.gz` and its three companions (also unpacked), or an npz with x and y for each split."""

    attributes: Mapping[int, str] = {}

    def __init__(self, root: Path, taxonomy: Taxonomy | None = None) -> None:
        """See `training.datasets.base.DataSet`."""
        self._root, self._taxonomy = root, taxonomy or packaged("fashion_mnist")
        self.splits = tuple(split for split in (TRAIN, TEST) if _files(root, split))
        if not self.splits:
            raise InputError(
                f"{root} does not hold Fashion-MNIST: there is no train-images-idx3-ubyte.gz or fmnist_train.npz"
            )

    def pictures(self, split: str, report: Report) -> Iterator[Picture]:
        """See `training.datasets.base.DataSet`."""
        arrays = report.attempt(", ".join(p.name for p in _files(self._root, split)), load_arrays, self._root, split)
        if arrays is None:
            return
        for i, (image, label) in enumerate(zip(*arrays, strict=True)):
            if label >= CLASSES:
                report.add(f"{split} picture {i}", f"the label {label} is not one of 0 to {CLASSES - 1}")
                continue
            name = self._taxonomy.category(int(label))
            instance = Instance(name, self._taxonomy.type_id(name), (0.0, 0.0, float(SIDE), float(SIDE)))
            pixels = cv2.merge([image] * 3)
            yield Picture(f"{split}/{i}", None, SHOP, split, size=(SIDE, SIDE), instances=(instance,), pixels=pixels)


def load_arrays(root: Path, split: str) -> Arrays:
    """The pictures (N, 28, 28) uint8 and labels (N,) uint8 of a split.

    Raises:
        Broken: a file is missing, damaged, or not what it should be.
    """
    files = _files(root, split)
    if not files:
        raise Broken(f"the {split} files of Fashion-MNIST are not in {root}")
    images, labels = _from_npz(files[0]) if len(files) == 1 else (_idx(files[0], _IMAGES), _idx(files[1], _LABELS))
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
        raise Broken(f"the pictures are {images.dtype} of shape {images.shape}, not uint8 of (N, {SIDE}, {SIDE})")
    if labels.ndim != 1 or len(labels) != len(images) or labels.dtype.kind not in "ui":
        raise Broken(f"there are {len(images)} pictures and {len(labels)} labels")
    if labels.size and not 0 <= int(labels.min()) <= int(labels.max()) < 256:
        raise Broken("the labels are no numbers from 0 to 9")
    return images, labels.astype(np.uint8)


def _files(root: Path, split: str) -> list[Path]:
    for ending in (".gz", ""):
        pair = [root / f"{_PREFIX[split]}-{kind}-ubyte{ending}" for kind in ("images-idx3", "labels-idx1")]
        if all(path.is_file() for path in pair):
            return pair
    return [root / name for name in _NPZ[split] if (root / name).is_file()][:1]


def _idx(path: Path, magic: int) -> NDArray[np.uint8]:
    """An idx file: magic number and sizes as big-endian int32, then bytes."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            found, count = struct.unpack(">II", file.read(8))
            if found != magic or count > _MAX_COUNT:
                raise Broken(
                    f"{path.name}: magic number {found:#x} and {count} entries; not the file that it should be"
                )
            shape = (count, *(struct.unpack(">II", file.read(8)) if magic == _IMAGES else ()))
            if magic == _IMAGES and shape[1:] != (SIDE, SIDE):
                raise Broken(f"{path.name}: the pictures are {shape[1:]}, not {SIDE}x{SIDE}")
            size = int(np.prod(shape))
            data = file.read(size + 1)  # one more: a file that goes on is no such file, or a bomb
        if len(data) != size:
            raise Broken(
                f"{path.name}: has {'more' if len(data) > size else 'fewer'} than the {size} bytes it promises"
            )
        return np.frombuffer(data, np.uint8).reshape(shape)
    except Broken:
        raise
    except DAMAGE as error:
        raise Broken(f"{path.name}: is damaged ({error})") from error


def _from_npz(path: Path) -> Arrays:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MAX_COUNT * SIDE * SIDE:
                raise Broken(f"{path.name}: unpacks to more than Fashion-MNIST can be")
        with np.load(path, allow_pickle=False) as arrays:
            return arrays["x"], arrays["y"]
    except Broken:
        raise
    except (*DAMAGE, zipfile.BadZipFile) as error:
        raise Broken(f"{path.name}: is damaged or lacks x and y ({error})") from error
