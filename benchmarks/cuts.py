"""Cuts: ours against PySceneDetect on a film joined from pieces of real clips, with flashes and fast pans between."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.speed_clips import read_frames
from matcher.errors import BackendError
from matcher.stages.cut import CutDetector
from matcher.types import Frame

SIZE, RATE = (640, 360), 25
PIECE = (24, 50)  # frames
SEED = 11
WIDTH = 256  # PySceneDetect scales pictures down to about this width before it looks at them
NEAR = 1  # frames by which a cut may be off

Image = NDArray[np.uint8]
Finder = Callable[[Sequence[Image]], list[int]]  # frames -> numbers of the first frames of shots but the first


@dataclass(frozen=True)
class Film:
    """Frames and what happens in them.

    Attributes:
        images: (H, W, 3) uint8 BGR each.
        cuts: number of the first frame of each shot but the first, by kind: "place" another clip, "view" another
            part or size of the same clip.
        flashes: frames in which a flash begins.
        pans: frames in which a fast pan begins.
    """

    images: list[Image]
    cuts: dict[int, str]
    flashes: list[int]
    pans: list[int]


def make_film(videos: Sequence[Path], pieces: int, seed: int = SEED, frames: int = 300) -> Film:
    """Join pieces of clips; every third piece has a flash in its middle, another third a fast pan.

    Args:
        videos: two or more clips.
        pieces: how many are joined.
        seed: equal seeds make equal films.
        frames: so many of each clip are read.
    """
    clips = [[frame.image for frame in read_frames(video, frames)] for video in videos]
    rng, film, before = np.random.default_rng(seed), Film([], {}, [], []), None
    for number in range(pieces):
        source = int(rng.integers(len(clips)))
        start = len(film.images)
        if before is not None:
            film.cuts[start] = "view" if source == before else "place"
        images = _piece(clips[source], rng, pan=number % 3 == 1)
        if number % 3 == 0:
            film.flashes.append(start + len(images) // 2)
            _flash(images, rng)
        elif number % 3 == 1:
            film.pans.append(start)
        film.images.extend(images)
        before = source
    return film


def _piece(clip: Sequence[Image], rng: np.random.Generator, pan: bool) -> list[Image]:
    """Some frames of a clip, through a window on a part of the picture that moves fast where `pan` is set."""
    length = min(int(rng.integers(*PIECE)), len(clip))
    begin = int(rng.integers(len(clip) - length + 1))
    height, width = clip[0].shape[:2]
    share = rng.uniform(0.45, 0.95) if not pan else 0.5
    w, h = int(width * share), int(height * share)
    x, y = rng.uniform(0, width - w), rng.uniform(0, height - h)
    step = width * rng.uniform(0.02, 0.06) if pan else 0.0  # up to an eighth of the window in each frame
    found = []
    for image in clip[begin : begin + length]:
        found.append(cv2.resize(image[int(y) : int(y) + h, int(x) : int(x) + w], SIZE, interpolation=cv2.INTER_AREA))
        if not 0 <= x + step <= width - w:
            step = -step
        x = float(np.clip(x + step, 0, width - w))
    return found


def _flash(images: list[Image], rng: np.random.Generator) -> None:
    """Light up one to three frames in the middle, as a photographer's flash does."""
    middle = len(images) // 2
    for i in range(middle, min(middle + int(rng.integers(1, 4)), len(images))):
        images[i] = np.clip(images[i].astype(np.float32) * 1.6 + rng.uniform(50, 110), 0, 255).astype(np.uint8)


def cuts(film: Film) -> list[dict[str, Any]]:
    """Compare the finders on a film.

    Returns:
        For each {"finder", "precision", "recall", "recall_place", "recall_view", "flashes", "pans" (false cuts in
        these), "cpu_ms" (a frame)}.

    Raises:
        BackendError: PySceneDetect is not installed.
    """
    return [{"finder": name, **judge(film, find)} for name, find in finders().items()]


def judge(film: Film, find: Finder) -> dict[str, float]:
    """Precision and recall of a finder; a cut counts where it is found within `NEAR` frames, each only once."""
    began = time.thread_time()
    found = find(film.images)
    spent = time.thread_time() - began
    hits = {cut: next((f for f in found if abs(f - cut) <= NEAR), None) for cut in film.cuts}
    right = {f for f in hits.values() if f is not None}
    wrong = [f for f in found if f not in right]

    def recall(kind: str) -> float:
        known = [cut for cut, what in film.cuts.items() if kind in ("", what)]
        return round(sum(hits[cut] is not None for cut in known) / max(len(known), 1), 3)

    return {
        "precision": round(len(right) / max(len(found), 1), 3),
        "recall": recall(""),
        "recall_place": recall("place"),
        "recall_view": recall("view"),
        "flashes": sum(any(0 <= f - start <= 4 for start in film.flashes) for f in wrong),
        "pans": sum(any(0 <= f - start <= PIECE[1] for start in film.pans) for f in wrong),
        "cpu_ms": round(1000 * spent / max(len(film.images), 1), 3),
    }


def ours(images: Sequence[Image]) -> list[int]:
    """Cuts that the tracker's own test finds."""
    detector = CutDetector()
    return [i for i, image in enumerate(images) if detector(Frame(image, i, Fraction(1, RATE)))]


def finders() -> dict[str, Finder]:
    """Ours, and PySceneDetect's detectors with their defaults.

    Raises:
        BackendError: PySceneDetect is not installed.
    """
    try:
        import scenedetect
    except ImportError as error:
        raise BackendError("the comparison needs PySceneDetect: pip install 'asworn[bench]'") from error
    names = ("ContentDetector", "AdaptiveDetector", "HistogramDetector", "HashDetector")
    made = {f"PySceneDetect {name}": _peer(getattr(scenedetect, name)) for name in names}
    return {"ours": ours, **made}


def _peer(make: Callable[[], Any]) -> Finder:
    from scenedetect import FrameTimecode

    def find(images: Sequence[Image]) -> list[int]:
        detector, found = make(), []
        times = [FrameTimecode(i, float(RATE)) for i in range(len(images))]
        step = max(images[0].shape[1] // WIDTH, 1)
        size = images[0].shape[1] // step, images[0].shape[0] // step
        for when, image in zip(times, images, strict=True):
            found += detector.process_frame(when, cv2.resize(image, size, interpolation=cv2.INTER_LINEAR))
        return sorted({when.frame_num for when in [*found, *detector.post_process(times[-1])]})

    return find
