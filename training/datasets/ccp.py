"""Clothing Co-Parsing as published: MATLAB label maps beside the photos (Yang et al., CVPR 2014)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from numpy.typing import NDArray

from training.data.ccp import is_validation
from training.datasets.base import present
from training.datasets.files import MAX_SMALL
from training.datasets.masks import from_mask, runs_box
from training.datasets.records import STREET, TRAIN, VALIDATION, Instance, Picture
from training.datasets.report import DAMAGE, Broken, Report
from training.datasets.taxonomy import Taxonomy, packaged

_MAX_PIXELS = 50_000_000
_HEADER = 128  # bytes of a MATLAB 5 file before its data
_VERSION_5 = (b"\x00\x01IM", b"\x01\x00MI")


class ClothingCoParsing:
    """`photos`, `annotations/pixel-level/NNNN.mat` (variable `groundtruth`) and `label_list.mat`.

    A label is one garment: a pair of shoes is one instance, as is a garment in several pieces. The set has no splits;
    one photo in ten is kept for validation (`training.data.ccp.is_validation`).
    """

    attributes: Mapping[int, str] = {}
    splits = (TRAIN, VALIDATION)

    def __init__(self, root: Path, taxonomy: Taxonomy | None = None) -> None:
        """See `training.datasets.base.DataSet`."""
        self._root, self._taxonomy = root, taxonomy or packaged("ccp")
        self._notes = root / "annotations" / "pixel-level"
        present(root, "Clothing Co-Parsing", {TRAIN: self._notes})

    def pictures(self, split: str, report: Report) -> Iterator[Picture]:
        """See `training.datasets.base.DataSet`."""
        names = self._labels(report)
        for path in sorted(self._notes.glob("*.mat")):
            at = f"annotations/pixel-level/{path.name}"
            if not (path.stem.isdigit() and len(path.stem) < 10):
                report.add(at, "is not named by a number")
            elif is_validation(int(path.stem)) == (split == VALIDATION):
                picture = report.attempt(at, self._picture, path, split, names, report, at)
                if picture is not None:
                    yield picture

    def _labels(self, report: Report) -> list[str]:
        path = self._root / "label_list.mat"
        if not path.is_file():
            return list(self._taxonomy.categories)
        found = report.attempt(path.name, read_mat, path, "label_list")
        names = (
            [str(np.ravel(cell)[0]) if np.size(cell) else "" for cell in np.ravel(found)] if found is not None else []
        )
        return names or list(self._taxonomy.categories)

    def _picture(self, path: Path, split: str, names: list[str], report: Report, at: str) -> Picture:
        photo = self._root / "photos" / f"{path.stem}.jpg"
        if not photo.is_file():
            raise Broken(f"its photo photos/{photo.name} is missing")
        labels = read_mat(path, "groundtruth")
        if labels.ndim != 2 or labels.dtype.kind not in "uif" or not labels.size:
            raise Broken("groundtruth is no map of labels")
        rows = []
        for value in np.unique(labels):
            row = report.attempt(f"{at} label {value}", self._instance, labels, value, names)
            if row is not None:
                rows.append(row)
        return Picture(path.stem, photo, STREET, split, size=labels.shape[::-1], instances=tuple(rows))

    def _instance(self, labels: NDArray[Any], value: Any, names: list[str]) -> Instance | None:
        if value != int(value) or not 0 <= value < len(names):
            raise Broken(f"there is no label {value}")
        name = names[int(value)]
        type_id = self._taxonomy.type_id(name)
        if type_id is None:
            return None
        mask = from_mask(labels == value)
        return Instance(name, type_id, runs_box(mask), mask)


def read_mat(path: Path, name: str) -> NDArray[Any]:
    """One variable of a MATLAB 5 file; later files are HDF5, older ones have no header, and neither is read.

    Raises:
        Broken: too large, another version, damaged, or it lacks the variable.
    """
    if path.stat().st_size > MAX_SMALL:
        raise Broken(f"is larger than {MAX_SMALL} bytes")
    with path.open("rb") as file:
        if file.read(_HEADER)[124:128] not in _VERSION_5:
            raise Broken("is no MATLAB 5 file; save it again with -v7 or -v6")
    try:
        # The header is looked at first: it states the size, before anything is unpacked.
        shapes = {found: shape for found, shape, _ in scipy.io.whosmat(path)}
        if name not in shapes:
            raise Broken(f"lacks the variable {name}")
        if np.prod(shapes[name], dtype=np.float64) > _MAX_PIXELS:
            raise Broken(f"{name} is {shapes[name]}, which is too large")
        return np.asarray(scipy.io.loadmat(path, variable_names=[name])[name])
    except Broken:
        raise
    except (*DAMAGE, SystemError) as error:
        raise Broken(f"is damaged ({type(error).__name__})") from error
