"""Clips and shops that speed is measured on: real clips at several sizes, a drawn clip, catalogues of any size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from benchmarks.datasets import data_folder, truth_clips
from benchmarks.showcase import make_shop, make_showcase
from benchmarks.synthetic_catalog import synthetic_catalog
from indexer.cli import index
from matcher.bundle import Bundle
from matcher.catalog.catalog import Catalog
from matcher.types import Frame
from matcher.video.open import open_video
from matcher.video.writer import VideoWriter

SEED, PER_TYPE = 1, 5
SIZES = {"720p": (1280, 720), "1080p": (1920, 1080)}


def real_clips(folder: Path, frames: int, sizes: Sequence[str] = ("720p", "1080p")) -> dict[str, Path]:
    """The real clips, encoded anew at each size from their first `frames` frames; smaller ones are scaled up.

    Args:
        folder: where they are kept; those that are there are not made again.
        frames: of each.
        sizes: names in `SIZES`.

    Raises:
        InputError: the data is not here.
    """
    found = {}
    for clip in truth_clips(data_folder()):
        for name in sizes:
            path = folder / f"{clip.name}-{name}-{frames}.mp4"
            found[f"{clip.name} {name}"] = path if path.is_file() else _encoded(clip.video, path, SIZES[name], frames)
    return found


def drawn_clip(folder: Path, seconds: float) -> Path:
    """The clip of `asworn demo`, at 720p."""
    place = folder / f"drawn-{seconds:g}"
    if not (place / "made").is_file():
        video = make_showcase(place, SEED, PER_TYPE, SIZES["720p"], seconds).video
        (place / "made").write_text(video.name, encoding="utf-8")
    return place / (place / "made").read_text(encoding="utf-8")


def shop(folder: Path, products: int, bundle: str | None, real: Path | None = None) -> Catalog:
    """A catalogue of so many products: those of a real one (a drawn shop where None), and drawn ones around them."""
    weights = Bundle.open(bundle)
    if real is None:
        real = folder / f"shop-{weights.embedder_hash[:8]}"
        if not (real / "CURRENT").is_file():
            _, feed = make_shop(folder / "products", SEED, PER_TYPE)
            index(feed, out=real, bundle=bundle)
    known = Catalog.load(real, weights.embedder_hash)
    return synthetic_catalog(folder / f"shop-{weights.embedder_hash[:8]}-{products}", known, products, weights.name)


def read_frames(video: Path, count: int, size: tuple[int, int] | None = None) -> list[Frame]:
    """The first frames of a clip, scaled to (width, height) where a size is given."""
    with open_video(video) as source:
        frames = islice(source, count)
        return list(frames) if size is None else [scaled(frame, size) for frame in frames]


def scaled(frame: Frame, size: tuple[int, int]) -> Frame:
    """The frame at another size (width, height)."""
    return replace(frame, image=cv2.resize(frame.image, size, interpolation=cv2.INTER_LINEAR))


def crowd(frames: Sequence[Frame], people: int, size: tuple[int, int] = (1280, 720)) -> Iterator[Frame]:
    """Frames in which the middle of each given frame, where one person is, stands `people` times side by side."""
    width, height = size
    columns = int(np.ceil(np.sqrt(people * width / height * 1.4)))  # the middle is higher than it is wide
    rows = -(-people // columns)
    cell = width // columns, height // rows
    for frame in frames:
        image = np.full((height, width, 3), 127, np.uint8)
        middle = frame.image[:, frame.size[0] * 3 // 10 : frame.size[0] * 7 // 10]
        scale = min(cell[0] / middle.shape[1], cell[1] / middle.shape[0])
        one = cv2.resize(middle, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[: cell[1], : cell[0]]
        for number in range(people):
            x, y = number % columns * cell[0], number // columns * cell[1]
            image[y : y + one.shape[0], x : x + one.shape[1]] = one
        yield replace(frame, image=image)


def _encoded(video: Path, path: Path, size: tuple[int, int], count: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_video(video) as source:
        frames = islice(source, count)
        first = next(frames)
        with VideoWriter(path, size, source.rate, first.time_base) as writer:
            for frame in (first, *frames):
                writer.write(scaled(frame, size).image, frame.pts)
    return path
