"""Accuracy of the type classifier on folders of pictures, one folder for each type."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.errors import InputError
from matcher.taxonomy import TYPE_IDS, TYPES, type_of
from matcher.video.image import read_image
from training.evaluation.output import Progress

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif"}
LEGGINGS, PANTS = TYPE_IDS["leggings"], TYPE_IDS["pants"]
TypeOf = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def evaluate_types(
    probs: TypeOf, images: Path, progress: Progress, answers: list[tuple[NDArray[np.float32], int]] | None = None
) -> dict[str, Any]:
    """Compare the likeliest types of pictures with the folders they are in.

    Args:
        probs: picture (H, W, 3) uint8 BGR -> (T,) probabilities of `taxonomy.TYPES`.
        images: has a folder for each type; several folders may mean one type (dress and gown).
        progress: wraps the list of pictures.
        answers: gets the probabilities and the right type of every picture, if given.

    Returns:
        {"photos", "top1", "top2", "per_type": {type: {"photos", "top1", "top2"}}}, fractions of 1.

    Raises:
        InputError: no folder names a type, or a picture cannot be read.
    """
    pictures = list_pictures(images)
    candidates = sorted({type_id for _, type_id in pictures})
    answers = [] if answers is None else answers
    for path, type_id in progress(pictures, "photos"):
        answers.append((probs(read_image(path)), type_id))
    return summarise([(type_id, rank(answer, type_id, candidates)) for answer, type_id in answers])


def list_pictures(images: Path) -> list[tuple[Path, int]]:
    """Pictures and the type ids that their folders name, in a fixed order.

    Raises:
        InputError: there is no such folder, or none of its folders names a type and has pictures.
    """
    if not images.is_dir():
        raise InputError(f"no folder {images}")
    folders = [(folder, type_of(folder.name)) for folder in sorted(images.iterdir()) if folder.is_dir()]
    found = [
        (path, TYPE_IDS[name])
        for folder, name in folders
        if name is not None
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES
    ]
    if not found:
        raise InputError(f"{images} has no pictures in folders named after types; the types are {', '.join(TYPES)}")
    return found


def rank(probs: NDArray[np.float32], type_id: int, candidates: list[int]) -> int:
    """Place of a type among the candidates, 0 = likeliest; a tie is lost.

    Where leggings are no candidate they count as pants.
    """
    probs = np.array(probs, np.float64)
    if LEGGINGS not in candidates:
        probs[PANTS] += probs[LEGGINGS]
    return int(sum(probs[other] >= probs[type_id] for other in candidates if other != type_id))


def summarise(ranks: list[tuple[int, int]]) -> dict[str, Any]:
    """Figures from (type id, rank) of each picture."""
    per_type = {name: _share([r for t, r in ranks if t == i]) for i, name in enumerate(TYPES)}
    return {**_share([r for _, r in ranks]), "per_type": {name: s for name, s in per_type.items() if s["photos"]}}


def _share(ranks: list[int]) -> dict[str, Any]:
    count = max(len(ranks), 1)
    tops = {f"top{k}": round(sum(r < k for r in ranks) / count, 4) for k in (1, 2)}
    return {"photos": len(ranks), **tops}
