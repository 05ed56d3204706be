"""Annotated pictures packed into memory-mapped files, so that every training process shares one copy."""

from __future__ import annotations

import fcntl
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.random import Generator

from matcher.errors import ConfigError
from training.data.records import Annotated


class Drawable(ABC):
    """A sequence of `Annotated` pictures that random ones can be drawn from."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, i: int) -> Annotated: ...

    @property
    @abstractmethod
    def types(self) -> list[tuple[int, ...]]:
        """The type ids of every picture, without reading any pixel."""

    @cached_property
    def _by_type(self) -> list[list[int]]:
        rows: dict[int, list[int]] = {}
        for i, types in enumerate(self.types):
            for type_id in set(types):
                rows.setdefault(type_id, []).append(i)
        return [rows[type_id] for type_id in sorted(rows)]

    def draw(self, rng: Generator, balance: float = 0.0) -> Annotated:
        """A random picture.

        Args:
            rng: source of randomness.
            balance: share of draws that choose a type first, so that rare types come up more often.
        """
        if rng.random() < balance and self._by_type:
            rows = self._by_type[rng.integers(len(self._by_type))]
            return self[rows[rng.integers(len(rows))]]
        return self[rng.integers(len(self))]


class Store(Drawable):
    """A read-only sequence of `Annotated` pictures on disk (a folder made by `Store.write`)."""

    def __init__(self, folder: Path) -> None:
        """Open a folder written by `Store.write`.

        Raises:
            ConfigError: the folder is not a finished store.
        """
        try:
            self._index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError) as error:
            raise ConfigError(f"{folder} is not a finished store of training pictures: {error}") from error
        self._pixels = np.memmap(folder / "pixels.u8", np.uint8, "r")
        self._ids = np.memmap(folder / "ids.u8", np.uint8, "r")

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, i: int) -> Annotated:
        entry = self._index[i]
        height, width, at = entry["height"], entry["width"], entry["at"]
        end = at + height * width
        image = self._pixels[3 * at : 3 * end].reshape(height, width, 3)
        return Annotated(np.asarray(image), np.asarray(self._ids[at:end].reshape(height, width)), tuple(entry["types"]))

    def name(self, i: int) -> str:
        """Name that the picture was stored under."""
        return self._index[i]["name"]

    @property
    def types(self) -> list[tuple[int, ...]]:
        """The type ids of every picture, without reading any pixel."""
        return [tuple(entry["types"]) for entry in self._index]

    @staticmethod
    def kept(folder: Path, read: Callable[[], Iterable[tuple[str, Annotated]]]) -> Store:
        """Open the store in `folder`; where there is none, what `read` gives is packed there first.

        Several training processes may ask at the same time: one packs, the others wait for it.
        """
        if not (folder / "index.json").is_file():
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not (folder / "index.json").is_file():
                    Store.write(folder, read())
        return Store(folder)

    @staticmethod
    def write(folder: Path, pictures: Iterable[tuple[str, Annotated]]) -> Store:
        """Pack named pictures into `folder`; the index is written last, so a store is whole or absent."""
        folder.mkdir(parents=True, exist_ok=True)
        index, at = [], 0
        with (folder / "pixels.u8").open("wb") as pixels, (folder / "ids.u8").open("wb") as ids:
            for name, picture in pictures:
                height, width = picture.ids.shape
                pixels.write(np.ascontiguousarray(picture.image).tobytes())
                ids.write(np.ascontiguousarray(picture.ids).tobytes())
                index.append(dict(name=name, height=height, width=width, at=at, types=list(map(int, picture.types))))
                at += height * width
        (folder / "index.tmp").write_text(json.dumps(index), encoding="utf-8")
        (folder / "index.tmp").rename(folder / "index.json")
        return Store(folder)
