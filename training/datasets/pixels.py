"""The pixels of a record: a picture's file, a moment of a video, or what the record brings along."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.errors import InputError
from matcher.video.image import read_image
from matcher.video.open import open_video
from training.datasets.records import Picture


def read_pixels(picture: Picture) -> NDArray[np.uint8]:
    """The picture as (H, W, 3) uint8 BGR.

    Raises:
        InputError: the file is missing, damaged or no picture.
    """
    if picture.pixels is not None:
        return picture.pixels
    if picture.path is None:
        raise InputError(f"{picture.name} has neither a file nor pixels")
    if picture.time is not None:
        return moments(picture.path, [picture.time])[0]
    return read_image(picture.path)


def moments(path: Path, times: Sequence[Fraction]) -> list[NDArray[np.uint8]]:
    """Frames of a video, in one pass.

    Args:
        path: of the video.
        times: seconds from its start, in rising order; past the end the last frame is taken.

    Raises:
        MediaError: the video cannot be read.
    """
    found: list[NDArray[np.uint8]] = []
    with open_video(path) as video:
        image = None
        for frame in video:
            image = frame.image
            while len(found) < len(times) and frame.timestamp - video.start >= times[len(found)]:
                found.append(image)
            if len(found) == len(times):
                return found
    if image is None:
        raise InputError(f"{path} has no frames")
    return found + [image] * (len(times) - len(found))


def clip_seconds(path: Path) -> Fraction:
    """How long a video says that it lasts; 0 where it does not.

    Raises:
        MediaError: it is no video.
    """
    with open_video(path) as video:
        return Fraction(video.duration_s or 0.0).limit_denominator(1000)
