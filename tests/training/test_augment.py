"""Views: they hold the garment, repeat with their seed, and differ between the families of warps."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from matcher.boxes import crop_square
from training.augment.cloth import BEND, WAVE, warp_maps
from training.augment.finding import find
from training.augment.geometry import crop_matrix, jitter_box, warp_affine
from training.augment.light import camera, shade
from training.augment.occlusion import blob, cover
from training.classifier.views import type_view
from training.data.garment_crops import FLAT, TRAIN, WORN
from training.embedder.views import shop_view, worn_view

from .garment_toys import toy_garment


def test_crop_matrix_cuts_what_crop_square_cuts() -> None:
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (192, 192, 3), np.uint8), (0, 0), 4)
    box = np.array([40, 60, 140, 130], np.float32)
    crop = warp_affine(image, crop_matrix(box, 120, 0.1), 120)
    difference = np.abs(crop.astype(int) - crop_square(image, box, 120, 0.1).astype(int))
    assert np.percentile(difference, 95) <= 6


def test_a_jittered_box_stays_a_box_near_the_old_one() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        box = jitter_box((10, 20, 60, 120), rng, 0.05)
        assert (box[2:] > box[:2]).all()
        assert np.abs(box - (10, 20, 60, 120)).max() <= 0.125 * 100


@pytest.mark.parametrize("family", [BEND, WAVE])
def test_a_warp_without_strength_only_scales(family: str) -> None:
    x, y = warp_maps((20, 30, 80, 110), 100, np.random.default_rng(0), family, 0.0)
    side = 80 / 0.75
    if family == BEND:
        assert np.allclose(np.diff(x, axis=1), side / 100, atol=1e-3)
    assert np.allclose(np.diff(y, axis=0), side / 100, atol=1e-3)
    assert float(x.mean()) == pytest.approx(50, abs=0.5)


def test_the_families_move_pixels_differently_and_repeat_with_their_seed() -> None:
    box = (20.0, 30.0, 80.0, 110.0)
    bend, again = (warp_maps(box, 64, np.random.default_rng(5), BEND, 1.0) for _ in range(2))
    wave = warp_maps(box, 64, np.random.default_rng(5), WAVE, 1.0)
    assert np.array_equal(bend[0], again[0])
    assert np.abs(bend[0] - wave[0]).max() > 1


def test_find_gives_crop_and_mask_in_register() -> None:
    image, mask = np.zeros((100, 100, 3), np.uint8), np.zeros((100, 100), np.uint8)
    cv2.circle(mask, (40, 50), 25, 255, -1)
    image[mask > 0] = 255
    crop, found = find(image, mask, np.random.default_rng(0), 96, 0.05, 0.0)
    assert crop.shape == (96, 96, 3) and found.shape == (96, 96) and found.dtype == np.float32
    assert ((crop[..., 0] > 127) == (found > 0.5)).mean() > 0.96


def test_find_takes_the_whole_picture_when_nothing_is_visible() -> None:
    plain, nothing = np.full((50, 50, 3), 9, np.uint8), np.zeros((50, 50), np.uint8)
    crop, found = find(plain, nothing, np.random.default_rng(0), 64, 0, 0)
    assert found.max() == 0 and (crop == 9).mean() > 0.9


@pytest.mark.parametrize("kind", [FLAT, WORN])
def test_views_keep_most_of_the_garment_and_repeat_with_their_seed(kind: str) -> None:
    garment, other = toy_garment(1, kind, TRAIN), toy_garment(2, WORN, TRAIN)
    for seed in range(8):
        crop, mask = worn_view(garment, other, np.random.default_rng(seed), 96, 0.05)
        assert crop.shape == (96, 96, 3) and crop.dtype == np.uint8
        assert 0.04 < mask.mean() < 0.95 and mask.min() >= 0 and mask.max() <= 1
        assert np.array_equal(crop, worn_view(garment, other, np.random.default_rng(seed), 96, 0.05)[0])


def test_a_shop_view_keeps_the_colour_on_light_ground() -> None:
    garment = toy_garment(4, FLAT, TRAIN)
    crop, mask = shop_view(garment, np.random.default_rng(0), 96, 0.05)
    colour = garment.image[garment.mask > 127].mean(0)
    assert np.abs(crop[mask > 0.9].mean(0) - colour).max() < 45
    assert crop[2:6, 2:6].mean() > 180


def test_a_type_view_has_the_size_asked_for() -> None:
    garment, other = toy_garment(3, FLAT, TRAIN), toy_garment(5, WORN, TRAIN)
    for seed in range(6):
        crop = type_view(garment, other, np.random.default_rng(seed), 80, 0.08, 1.0)
        assert crop.shape == (80, 80, 3) and crop.dtype == np.uint8


def test_light_and_camera_change_pixels_but_not_the_shape() -> None:
    image = np.full((64, 64, 3), 128, np.uint8)
    for change in (shade, camera):
        changed = change(image, np.random.default_rng(2), 1.0)
        assert changed.shape == image.shape and changed.dtype == np.uint8
        assert not np.array_equal(changed, image)


def test_cover_shows_the_other_picture_only_under_the_mask() -> None:
    mask = blob(64, np.random.default_rng(1), (0.1, 0.4))
    covered = cover(np.zeros((64, 64, 3), np.uint8), mask, np.full((64, 64, 3), 7, np.uint8))
    assert 0 < mask.mean() < 1
    assert np.array_equal(covered[..., 0] == 7, mask > 0)
