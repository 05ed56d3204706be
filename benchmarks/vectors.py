"""Vectors of items by several entrants, in one pass over the pictures, kept on disk by what they were made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.cache import code_key, key_of
from benchmarks.entrants import Entrant
from benchmarks.items import ItemList, View
from matcher import boxes, outline
from matcher.files import PartFile
from matcher.stages import embed
from training.evaluation.output import Progress, silent

ViewOf = Callable[[int, NDArray[np.uint8]], View | None]
Vectors = dict[str, NDArray[np.float32]]


def vectors_of(
    entrants: Sequence[Entrant],
    items: ItemList,
    view_of: ViewOf,
    key: str,
    folder: Path,
    workers: int = 1,
    progress: Progress = silent,
) -> Vectors:
    """Describe every item by every entrant.

    Args:
        entrants: with different names.
        items: pictures and rows.
        view_of: row and its picture to what is described; None where there is nothing.
        key: what the views depend on besides the items.
        folder: where vectors are kept; those that are there are not made again.
        workers: threads.
        progress: wraps the pictures.

    Returns:
        Name to (N, D) float32 of unit length, zeros for the rows without a view.
    """
    crops = code_key((boxes, embed, outline))
    paths = {one.name: folder / f"vectors-{key_of(one.key, crops, items.key, key)}.npy" for one in entrants}
    missing = [one for one in entrants if not paths[one.name].is_file()]
    if missing:
        made = _describe(missing, items, view_of, workers, progress)
        for one in missing:
            _save(paths[one.name], made[one.name])
    return {name: np.load(path, allow_pickle=False) for name, path in paths.items()}


def _describe(
    entrants: Sequence[Entrant], items: ItemList, view_of: ViewOf, workers: int, progress: Progress
) -> Vectors:
    rows: dict[str, dict[int, NDArray[np.float32]]] = {one.name: {} for one in entrants}

    def work(image: NDArray[np.uint8], numbers: list[int]) -> None:
        for row in numbers:
            view = view_of(row, image)
            if view is not None:
                for one in entrants:
                    rows[one.name][row] = one.embed(view)

    items.look(work, workers, progress)
    return {name: _stacked(known, len(items)) for name, known in rows.items()}


def _stacked(rows: dict[int, NDArray[np.float32]], count: int) -> NDArray[np.float32]:
    width = len(next(iter(rows.values()))) if rows else 1
    result = np.zeros((count, width), np.float32)
    for row, vector in rows.items():
        result[row] = vector
    return result


def _save(path: Path, vectors: NDArray[np.float32]) -> None:
    file = PartFile(path)
    np.save(file.part, vectors)
    file.commit()
