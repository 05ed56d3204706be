"""Cuts are found, and changes of light, pans and people close to the camera are not taken for cuts."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from matcher.stages.cut import CutDetector
from matcher.types import Frame


def scene(seed: int, size: tuple[int, int] = (360, 960)) -> np.ndarray:
    """A large picture of soft coloured shapes, like a place."""
    rng = np.random.default_rng(seed)
    small = rng.uniform(0, 1, (6, 12, 1)) * 90 + rng.uniform(0, 160, (1, 1, 3)) + rng.uniform(0, 50, (6, 12, 3))
    return cv2.resize(np.clip(small, 0, 255).astype(np.uint8), size[::-1], interpolation=cv2.INTER_CUBIC)


def count(images: list[np.ndarray]) -> int:
    cuts = CutDetector()
    return sum(cuts(Frame(image, i, Fraction(1, 25))) for i, image in enumerate(images))


@pytest.mark.parametrize("seed", range(6))
def test_a_cut_between_two_places_is_found_once(seed: int) -> None:
    a, b = scene(seed)[:, :640], scene(seed + 50)[:, :640]
    assert count([a] * 5 + [b] * 5) == 1


def test_a_cut_to_black_and_back() -> None:
    a = scene(1)[:, :640]
    assert count([a, a, a * 0, a * 0, a]) == 2


@pytest.mark.parametrize("seed", range(4))
def test_a_pan_is_no_cut(seed: int) -> None:
    wide = scene(seed)
    assert count([wide[:, x : x + 640] for x in range(0, 320, 16)]) == 0


@pytest.mark.parametrize("gain", [0.5, 0.7, 1.4])
def test_a_change_of_light_is_no_cut(gain: float) -> None:
    a = scene(2)[:, :640]
    assert count([a] * 3 + [np.clip(a * gain, 0, 255).astype(np.uint8)] * 3) == 0


def test_somebody_walking_close_by_is_no_cut() -> None:
    images = []
    for x in range(-300, 900, 60):
        image = scene(3)[:, :640].copy()
        image[:, max(x, 0) : max(x + 300, 0)] = (40, 30, 90)
        images.append(image)
    assert count(images) == 0


def test_shots_count_from_one_and_start_again() -> None:
    cuts = CutDetector()
    cuts(Frame(scene(1), 0))
    cuts(Frame(scene(60), 1))
    assert cuts.shot == 2
    cuts.reset()
    assert cuts.shot == 1 and not cuts(Frame(scene(1), 2))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("length", [1, 3])
def test_a_flash_is_no_cut(seed: int, length: int) -> None:
    a = (scene(seed)[:, :640] * 0.6).astype(np.uint8)
    lit = np.clip(a * 1.6 + 100, 0, 255).astype(np.uint8)
    assert (lit == 255).mean() > 0.2, "much of it is white"
    assert count([a] * 4 + [lit] * length + [a] * 4) == 0


def test_a_cut_to_a_bright_place_is_still_one() -> None:
    a, b = scene(2)[:, :640], scene(60)[:, :640]
    assert count([a] * 4 + [np.clip(b * 1.6 + 80, 0, 255).astype(np.uint8)] * 4) == 1
