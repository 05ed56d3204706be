"""Places and vectors of lists of garments, each made once and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks import places
from benchmarks.cache import code_key, key_of
from benchmarks.entrants import Entrant
from benchmarks.items import ItemList
from benchmarks.places import Finder, Places
from benchmarks.vectors import Vectors, ViewOf, vectors_of
from indexer import background, describe
from matcher import boxes
from matcher.bundle import Bundle
from matcher.stages import classify, detect, layers, same_garment
from matcher.stages.models import Runtime
from training.evaluation.output import Progress, silent

_FILES = (("detector", "file"), ("detector", "mask_file"), ("classifier", "file"))


class Kept:
    """What the entrants and a bundle's detector say of lists of garments; a cache on disk answers what it can."""

    def __init__(
        self, entrants: Sequence[Entrant], bundle: Bundle, cache: Path, workers: int = 1, progress: Progress = silent
    ) -> None:
        """Take what is compared, and whose detector finds garments, on as many threads as there are `workers`."""
        self.entrants = entrants
        self._bundle, self._cache, self._workers, self._progress = bundle, cache, workers, progress
        self._finder: Finder | None = None
        self._detector = _detector_key(bundle)

    def given(self, items: ItemList) -> Vectors:
        """Vectors (N, D) by name, of the true boxes and masks."""
        return self._vectors(items, lambda row, image: items.items[row].view(image), "given")

    def shown(self, items: ItemList) -> tuple[Places, Vectors]:
        """Where the indexer finds products, and their vectors there."""
        return self._found(items, lambda finder: finder.shown(items, self._workers, self._progress), "shown")

    def worn(self, items: ItemList) -> tuple[Places, Vectors]:
        """Where the matcher finds worn garments, and their vectors there; zeros for those not found."""
        return self._found(items, lambda finder: finder.worn(items, self._workers, self._progress), "worn")

    def _found(self, items: ItemList, find: Callable[[Finder], Places], how: str) -> tuple[Places, Vectors]:
        key = f"{how} {self._detector}"
        path = self._cache / f"places-{key_of(items.key, key)}.npz"
        if not path.is_file():
            self._finder = self._finder or Finder(self._bundle, Runtime(threads=1))
            find(self._finder).save(path)
        seen = Places.load(path)
        return seen, self._vectors(items, seen.view, key)

    def _vectors(self, items: ItemList, view_of: ViewOf, key: str) -> Vectors:
        return vectors_of(self.entrants, items, view_of, key, self._cache, self._workers, self._progress)


def joined(first: Vectors, second: Vectors) -> Vectors:
    """The rows of both, by name."""
    return {name: np.concatenate([first[name], second[name]]) for name in first}


def _detector_key(bundle: Bundle) -> str:
    """The same for bundles whose boxes, masks and types are the same, found by the same code."""
    files = [bundle.card["files"][bundle.model(model)[key]] for model, key in _FILES]
    settings = {key: value for key, value in bundle.model("detector").items() if key != "measured"}
    return f"{files}{settings}{code_key((boxes, detect, layers, same_garment, classify, describe, background, places))}"
