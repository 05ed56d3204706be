"""Boxes against plain loops and hand-made pictures."""

from __future__ import annotations

import numpy as np
import pytest

from matcher import boxes

SHAPES = [(720, 1280), (721, 1279), (1080, 1920), (432, 768), (830, 550), (5, 2000), (1, 1), (33, 31)]


def random_boxes(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 80, (count, 2))
    return np.concatenate([low, low + rng.uniform(1, 40, (count, 2))], 1).astype(np.float32)


def slow_iou(a: np.ndarray, b: np.ndarray) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def test_iou_equals_a_plain_loop() -> None:
    a, b = random_boxes(7), random_boxes(9, seed=1)
    expected = [[slow_iou(x, y) for y in b] for x in a]
    np.testing.assert_allclose(boxes.iou(a, b), expected, atol=1e-5)


def test_nms_equals_a_plain_loop() -> None:
    xyxy, rng = random_boxes(60), np.random.default_rng(2)
    score, group = rng.uniform(size=60).astype(np.float32), rng.integers(0, 3, 60)
    kept: list[int] = []
    for i in np.argsort(-score):
        if all(group[i] != group[j] or slow_iou(xyxy[i], xyxy[j]) <= 0.3 for j in kept):
            kept.append(int(i))
    assert boxes.nms(xyxy, score, group, 0.3).tolist() == kept


def test_nms_of_nothing() -> None:
    assert boxes.nms(np.zeros((0, 4), np.float32), np.zeros(0), np.zeros(0, int), 0.5).tolist() == []


@pytest.mark.parametrize("shape", SHAPES)
def test_fit_keeps_the_promised_size(shape: tuple[int, int]) -> None:
    canvas, (scale_x, scale_y) = boxes.fit(np.full((*shape, 3), 200, np.uint8), 384, 640)
    inner = round(shape[0] * scale_y), round(shape[1] * scale_x)
    assert canvas.shape[0] % 32 == 0 and canvas.shape[1] % 32 == 0
    assert canvas.shape[0] - inner[0] < 32 and canvas.shape[1] - inner[1] < 32
    assert min(inner) <= 384 and max(inner) <= 640 and (min(inner) == 384 or max(inner) == 640)
    assert (canvas[: inner[0], : inner[1]] == 200).all(), "the picture"
    assert (canvas[inner[0] :] == boxes.PADDING).all() and (canvas[:, inner[1] :] == boxes.PADDING).all(), "padding"


@pytest.mark.parametrize("shape", [(720, 1280), (721, 1279), (300, 200)])
def test_fit_tells_where_things_went(shape: tuple[int, int]) -> None:
    image = np.zeros((*shape, 3), np.uint8)
    box = np.array([shape[1] * 0.25, shape[0] * 0.5, shape[1] * 0.75, shape[0]]).round().astype(int)
    image[box[1] : box[3], box[0] : box[2]] = 255
    canvas, scale = boxes.fit(image, 160, 320)
    rows, columns = np.nonzero(canvas[: round(shape[0] * scale[1]), : round(shape[1] * scale[0]), 0] > 127)
    seen = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    np.testing.assert_allclose(seen / (scale * 2), box, atol=1.25 / scale[0])  # a pixel of the canvas


def test_crop_outside_is_grey_and_inside_is_the_picture() -> None:
    image = np.full((40, 60, 3), 9, np.uint8)
    crop = boxes.crop_square(image, np.array([-20, 0, 20, 40], np.float32), 40, 0.0)
    assert (crop[:, :20] == boxes.FILL).all() and (crop[:, 20:] == 9).all()


@pytest.mark.parametrize("box", [(-9, -9, -1, -1), (70, 50, 90, 60), (5, 5, 5, 5)])
def test_crop_of_hardly_anything_has_the_right_shape(box: tuple[int, ...]) -> None:
    assert boxes.crop_square(np.zeros((40, 60, 3), np.uint8), np.array(box, np.float32), 16, 0.1).shape == (16, 16, 3)


@pytest.mark.parametrize("margin", [0.0, 0.1])
@pytest.mark.parametrize("box", [(10, 10, 50, 30), (20, 5, 30, 55), (-10, 30, 30, 80)])
def test_mask_lies_on_the_crop_where_the_garment_is(box: tuple[int, ...], margin: float) -> None:
    xyxy = np.array(box, np.float32)
    image = np.zeros((60, 60, 3), np.uint8)
    x0, y0, x1, y1 = np.clip(box, 0, 60)
    image[y0:y1, x0:x1] = 255
    crop = boxes.crop_square(image, xyxy, 64, margin)[..., 0] == 255
    mask = boxes.mask_on_crop(np.ones((28, 28), np.float32), xyxy, 64, margin) > 0.5
    inside = boxes.crop_square(np.full_like(image, 255), xyxy, 64, margin)[..., 0] == 255
    assert (crop != (mask & inside)).mean() < 0.05


def test_paste_mask_fills_its_half() -> None:
    mask = np.zeros((28, 28), np.float32)
    mask[:, 14:] = 1
    pasted = boxes.paste_mask(mask, np.array([10, 10, 30, 50], np.float32), 100, 80)
    assert pasted.shape == (80, 100) and pasted[15:45, 22:29].all()
    assert not pasted[:, :19].any() and not pasted[:, 31:].any() and not pasted[51:].any()


def test_clip_and_area() -> None:
    clipped = boxes.clip(np.array([[-5, -5, 10, 200]], np.float32), 100, 50)
    assert clipped.tolist() == [[0, 0, 10, 50]]
    assert boxes.area(np.array([[0, 0, 10, 50], [5, 5, 4, 9]], np.float32)).tolist() == [500, 0]
