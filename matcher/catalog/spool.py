"""Vectors on their way into a generation: appended to a file for each type, so that memory stays small."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from matcher.taxonomy import TYPES

_SUFFIX = ".vectors"


class Spool:
    """Raw little-endian float32 files in a folder, one for each type that has vectors."""

    def __init__(self, folder: Path, dimension: int) -> None:
        """Take vectors of this length into this folder; files are made when they are needed."""
        self._folder, self._dimension = folder, dimension
        self._files: dict[str, BinaryIO] = {}
        self._owners: dict[str, list[int]] = {}

    def add(self, type_name: str, row: int, vector: NDArray[np.float32]) -> int:
        """Append a vector (D,) of a product; its position among those of the type."""
        if type_name not in self._files:
            self._files[type_name] = (self._folder / self.name(type_name)).open("wb")
            self._owners[type_name] = []
        self._files[type_name].write(np.asarray(vector, "<f4").tobytes())
        self._owners[type_name].append(row)
        return len(self._owners[type_name]) - 1

    def name(self, type_name: str) -> str:
        """Name of the file of a type."""
        return f"{type_name}{_SUFFIX}"

    def counts(self) -> dict[str, int]:
        """Vectors of each type that has any, in the order of `TYPES`."""
        return {name: len(self._owners[name]) for name in TYPES if name in self._owners}

    def take(self, type_name: str) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """(M, D) the vectors of a type, as a mapped file, and (M,) the product row of each; nothing may follow."""
        self._files[type_name].close()
        owners = np.array(self._owners[type_name], np.int32)
        return np.memmap(self._folder / self.name(type_name), "<f4", "r", shape=(len(owners), self._dimension)), owners

    def remove(self, type_name: str) -> None:
        """Remove the file of a type."""
        (self._folder / self.name(type_name)).unlink()

    def close(self) -> None:
        """Close all files."""
        for file in self._files.values():
            file.close()
