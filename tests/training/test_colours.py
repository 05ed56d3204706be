"""Exact colours in the embedding."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from training.embedder.colours import BINS, ColourHistogram, _hsv
from training.embedder.model import Embedder, EmbedderModelConfig


def crop(bgr: tuple[int, int, int], size: int = 64) -> torch.Tensor:
    return torch.from_numpy(np.full((1, size, size, 3), bgr, np.uint8))


FULL = torch.ones(1, 64, 64)


def fitted(width: int = 24) -> ColourHistogram:
    module, rng = ColourHistogram(width), np.random.default_rng(1)
    colours = [tuple(int(v) for v in rng.integers(0, 256, 3)) for _ in range(200)]
    module.fit(torch.cat([module.histogram(crop(c), FULL) for c in colours]))
    return module


def test_hue_saturation_and_value_are_opencvs() -> None:
    bgr = np.random.default_rng(1).random((50, 50, 3), np.float32)
    expected = cv2.cvtColor(bgr, cv2.COLOR_BGR2HSV).reshape(-1, 3) / np.array([360, 1, 1], np.float32)
    hue, saturation, value = (part[0].numpy() for part in _hsv(torch.from_numpy(bgr.reshape(1, -1, 3))))
    apart = np.abs(hue - expected[:, 0])
    assert np.minimum(apart, 1 - apart).max() < 1e-4
    np.testing.assert_allclose(np.stack([saturation, value], 1), expected[:, 1:], atol=1e-5)


def test_a_histogram_is_of_what_the_mask_covers_and_of_unit_length() -> None:
    image = torch.cat([crop((200, 30, 30))[:, :, :32], crop((30, 30, 200))[:, :, 32:]], 2)
    left = torch.zeros(1, 64, 64)
    left[:, :, :32] = 1
    module = ColourHistogram(8)
    seen, alone = module.histogram(image, left), module.histogram(crop((200, 30, 30)), FULL)
    assert seen.shape == (1, BINS) and float((seen * alone).sum()) > 0.98
    torch.testing.assert_close(seen.norm(dim=1), torch.ones(1))
    assert torch.isfinite(module.histogram(image, torch.zeros(1, 64, 64))).all(), "an empty mask is the whole crop"


def test_a_shift_by_one_shade_changes_little_and_another_colour_much() -> None:
    module = fitted()
    navy, brighter, red = (module(crop(c), FULL)[0] for c in ((90, 40, 30), (92, 41, 31), (30, 40, 190)))
    assert float(navy @ brighter) > 0.97 and float(navy @ red) < 0.5


def test_the_projection_keeps_inner_products() -> None:
    module, rng = fitted(128), np.random.default_rng(5)
    crops = torch.from_numpy(rng.integers(0, 256, (6, 1, 1, 3), np.uint8)).expand(6, 64, 64, 3)
    masks = FULL.expand(6, 64, 64)
    whole, short = module.histogram(crops, masks), module(crops, masks)
    assert ((whole @ whole.T) - (short @ short.T)).abs().max() < 0.1


def test_the_embedding_is_the_learnt_one_and_the_colours_in_fixed_shares() -> None:
    torch.manual_seed(1)
    config = EmbedderModelConfig(size=64, dimension=40, colours=16, colour_share=0.2, palette=2)
    model = Embedder(config).eval()
    model.colours.fit(torch.rand(40, BINS))
    crops = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)
    with torch.no_grad():
        vectors = model(crops, torch.rand(3, 64, 64))
    assert vectors.shape == (3, 40)
    torch.testing.assert_close(vectors[:, :24].norm(dim=1), torch.full((3,), 0.8**0.5))
    torch.testing.assert_close(vectors[:, 24:].norm(dim=1), torch.full((3,), 0.2**0.5))
