"""Masks drawn after the colours of the crop: nearer to the truth, and never something else."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from matcher.bundle import Bundle, write_card
from matcher.outline import refine, refined
from matcher.stages.embed import Embedder
from tests.toy_bundle import make_bundle

SIZE = 128


def scene(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A crop with a garment of one colour, slightly noisy, on ground of another; and its true mask."""
    rng = np.random.default_rng(seed)
    truth = np.zeros((SIZE, SIZE), np.uint8)
    points = np.array(
        [
            (64 + r * np.cos(a), 64 + r * np.sin(a))
            for a, r in zip(np.arange(0, 6.28, 0.5), rng.uniform(30, 55, 13), strict=True)
        ]
    )
    cv2.fillPoly(truth, [points.astype(np.int32)], 1)
    colours = rng.choice([(40, 60, 200), (200, 180, 30), (30, 160, 60), (220, 220, 220)], 2, replace=False)
    crop = np.where(truth[..., None] > 0, colours[0], colours[1]) + rng.normal(0, 8, (SIZE, SIZE, 3))
    return np.clip(crop, 0, 255).astype(np.uint8), truth.astype(np.float32)


def coarse(truth: np.ndarray) -> np.ndarray:
    """As a detector gives it: a few soft cells, a little too large."""
    cells = cv2.resize(truth, (12, 12), interpolation=cv2.INTER_AREA)
    return np.clip(1.4 * cv2.resize(cells, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR), 0, 1)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float(((a > 0.5) & (b > 0.5)).sum() / ((a > 0.5) | (b > 0.5)).sum())


@pytest.mark.parametrize("seed", range(6))
def test_a_coarse_mask_comes_nearer_to_the_truth(seed: int) -> None:
    crop, truth = scene(seed)
    given = coarse(truth)
    made = refine(crop, given)
    assert made.dtype == np.float32 and made.shape == given.shape and 0 <= made.min() and made.max() <= 1
    assert overlap(made, truth) > max(overlap(given, truth), 0.93)


def test_the_same_crop_has_the_same_outline() -> None:
    crop, truth = scene(1)
    assert np.array_equal(refine(crop, coarse(truth)), refine(crop, coarse(truth)))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_mask_of_nothing_or_all_is_kept(value: float) -> None:
    crop, _ = scene(2)
    given = np.full((SIZE, SIZE), value, np.float32)
    assert np.array_equal(refine(crop, given), given)


def test_colours_that_belong_to_something_else_change_nothing() -> None:
    """A small mask whose colour fills the crop: what would be found is far more than the garment."""
    rng = np.random.default_rng(0)
    crop = np.clip(rng.normal(120, 3, (SIZE, SIZE, 3)), 0, 255).astype(np.uint8)
    given = np.zeros((SIZE, SIZE), np.float32)
    given[54:74, 54:74] = 1
    assert overlap(refine(crop, given), given) > 0.55


def test_none_and_many() -> None:
    crops, masks = (np.stack(column) for column in zip(*(scene(seed) for seed in range(3)), strict=True))
    assert refined(crops[:0], masks[:0]).shape == (0, SIZE, SIZE)
    assert np.array_equal(refined(crops, masks)[2], refine(crops[2], masks[2]))


def test_the_card_decides_and_catalogues_of_the_other_way_do_not_fit(tmp_path: Path) -> None:
    plain = make_bundle(tmp_path / "plain")
    card = json.loads((tmp_path / "plain" / "card.json").read_text(encoding="utf-8"))
    card["models"]["embedder"]["input"]["refine"] = True
    write_card(tmp_path / "plain", card)
    other = Bundle.open(str(tmp_path / "plain"))
    assert other.embedder_hash != plain.embedder_hash
    crop, truth = scene(3)
    box, mask = np.array([[20, 20, 110, 110]], np.float32), coarse(truth)[None, 20:110, 20:110]
    assert np.isfinite(Embedder(other).embed(crop, box, mask)).all()
