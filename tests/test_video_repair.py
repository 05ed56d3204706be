"""Time stamps that need repair, and every way in which a file can ask for a turn."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from matcher.video.clock import Clock
from matcher.video.open import open_video
from matcher.video.picture import upright
from tests import clips

STAMPS = {
    "good ones pass": ([0, 40, 95, 120], [0, 40, 95, 120]),
    "a late start stays": ([1400, 1440], [1400, 1440]),
    "one below zero stays": ([-40, 0, 40], [-40, 0, 40]),
    "missing ones go on by one frame": ([0, None, None, 120], [0, 40, 80, 120]),
    "a missing first one is zero": ([None, 40], [0, 40]),
    "a repeated one moves behind": ([0, 40, 40, 80], [0, 40, 41, 80]),
    "one out of order moves behind": ([0, 80, 40, 120], [0, 80, 81, 120]),
    "a restart goes on from there": ([9000, 9040, 0, 40, 80], [9000, 9040, 9080, 9120, 9160]),
    "two restarts": ([5000, 0, 5000, 0], [5000, 5040, 10040, 10080]),
}


@pytest.mark.parametrize("case", STAMPS)
def test_stamps_always_grow(case: str) -> None:
    given, expected = STAMPS[case]
    clock = Clock(Fraction(1, 1000), Fraction(25))
    assert [clock(pts) for pts in given] == expected
    assert (clock.repaired > 0) == (given != expected)


def test_a_frames_own_duration_is_used_where_its_successor_has_no_stamp() -> None:
    clock = Clock(Fraction(1, 1000), Fraction(25))
    assert [clock(0), clock(None, 100), clock(None, 0)] == [0, 100, 140]


def _shown(image: np.ndarray, matrix: tuple[int, int, int, int]) -> np.ndarray:
    """Pixel by pixel: (x, y) is shown at (a x + c y, b x + d y), moved so that all places are positive."""
    a, b, c, d = matrix
    height, width = image.shape[:2]
    places = {(a * x + c * y, b * x + d * y): image[y, x] for y in range(height) for x in range(width)}
    left, top = min(x for x, _ in places), min(y for _, y in places)
    wide, tall = max(x for x, _ in places) - left + 1, max(y for _, y in places) - top + 1
    result = np.zeros((tall, wide, 3), np.uint8)
    for (x, y), pixel in places.items():
        result[y - top, x - left] = pixel
    return result


TURNS = [(a, 0, 0, d) for a, d in itertools.product((1, -1), repeat=2)]
TURNS += [(0, b, c, 0) for b, c in itertools.product((1, -1), repeat=2)]


@pytest.mark.parametrize("matrix", TURNS)
def test_all_quarter_turns_and_mirrors(matrix: tuple[int, int, int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (3, 5, 3), np.uint8)
    assert np.array_equal(upright(image, matrix), _shown(image, matrix))


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_file_turned_by_its_metadata_looks_as_ffmpeg_shows_it(degrees: int, tmp_path: Path) -> None:
    path = clips.encode(tmp_path / "turned.mp4", [0, 1, 2], Fraction(1, 25), rotation=degrees)
    command = ["ffmpeg", "-v", "error", "-i", path, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "bgr24", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    with open_video(path) as video:
        image = next(iter(video)).image
    assert video.size == ((160, 120) if degrees == 180 else (120, 160))
    shown = np.frombuffer(raw, np.uint8).reshape(image.shape)
    assert np.abs(clips.corners(image) - clips.corners(shown)).max() < 30  # another build converts the colours
