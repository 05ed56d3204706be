"""Training batches of any step, changed at random, from the step's number alone."""

from __future__ import annotations

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from training.fashion_mnist.config import FashionMnistConfig

# Pictures (B, 28, 28), labels (B,) int64, labels of what is mixed in (B,) int64, and its share.
Batch = tuple[Tensor, Tensor, Tensor, float]

_ERASED = (0.05, 0.25)  # share of the picture


class Batches:
    """Passes through the data in a new order each time."""

    def __init__(self, images: NDArray[np.uint8], labels: NDArray[np.uint8], config: FashionMnistConfig) -> None:
        """Take the training pictures (N, 28, 28) and labels (N,)."""
        self._images, self._labels, self._config = images, labels.astype(np.int64), config

    def __call__(self, step: int) -> Batch:
        """The batch of a step."""
        config = self._config
        rng = np.random.default_rng((config.seed, step))
        rows = self._rows(step)
        images = augment(self._images[rows], config, rng)
        labels = torch.from_numpy(self._labels[rows])
        if not config.mixup:
            return torch.from_numpy(images), labels, labels, 0.0
        share = float(rng.uniform(0, config.mixup))
        order = rng.permutation(len(rows))
        mixed = (1 - share) * images.astype(np.float32) + share * images[order].astype(np.float32)
        return torch.from_numpy(mixed), labels, labels[order], share

    def _rows(self, step: int) -> NDArray[np.int64]:
        count, size = len(self._images), min(self._config.batch, len(self._images))
        epoch, at = divmod(step * size, count - count % size)
        order = np.random.default_rng((self._config.seed, 77, epoch)).permutation(count)
        return order[at : at + size]


def augment(images: NDArray[np.uint8], config: FashionMnistConfig, rng: Generator) -> NDArray[np.uint8]:
    """Mirror, move and erase parts of pictures (B, 28, 28); the originals stay as they are."""
    images = images.copy()
    flipped = rng.random(len(images)) < config.flip
    images[flipped] = images[flipped, :, ::-1]
    if config.shift:
        images = _moved(images, config.shift, rng)
    for i in np.flatnonzero(rng.random(len(images)) < config.erase):
        _erase(images[i], rng)
    return images


def _moved(images: NDArray[np.uint8], most: int, rng: Generator) -> NDArray[np.uint8]:
    side = images.shape[1]
    padded = np.pad(images, ((0, 0), (most, most), (most, most)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), (1, 2))
    ys, xs = rng.integers(0, 2 * most + 1, (2, len(images)))
    return windows[np.arange(len(images)), ys, xs]


def _erase(image: NDArray[np.uint8], rng: Generator) -> None:
    """Random erasing (Zhong et al., AAAI 2020), in place."""
    side = image.shape[0]
    area, ratio = rng.uniform(*_ERASED) * side * side, np.exp(rng.uniform(np.log(0.33), np.log(3.0)))
    height, width = (min(max(round(v), 1), side) for v in ((area * ratio) ** 0.5, (area / ratio) ** 0.5))
    y, x = rng.integers(0, side - height + 1), rng.integers(0, side - width + 1)
    image[y : y + height, x : x + width] = rng.integers(0, 256, (height, width))
