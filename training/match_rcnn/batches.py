"""Batches for Match R-CNN, determined by (seed, step) alone; with a match head, pictures come in pairs."""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from matcher.errors import ConfigError, MatcherError
from training.match_rcnn.data import Examples, stack
from training.match_rcnn.targets import Truth

log = logging.getLogger(__name__)
_DAMAGED_IN_A_ROW = 100


class Batch(NamedTuple):
    """Pictures (N, H, W, 3) uint8 BGR, their truths, and their sizes (height, width) without padding."""

    images: Tensor
    truths: list[Truth]
    sizes: list[tuple[int, int]]

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        images = self.images.to(device, non_blocking=True)
        return Batch(images, [truth.to(device) for truth in self.truths], self.sizes)


class Batches:
    """Batch number `step`, the same whenever it is asked for."""

    def __init__(self, examples: Examples, count: int, seed: int, mean: tuple[float, float, float]) -> None:
        """Make batches of `count` pictures.

        Args:
            examples: with pairs, if pictures are to come in pairs.
            count: of pictures.
            seed: of the recipe.
            mean: colour to fill up with.

        Raises:
            ConfigError: pairs do not fill the batch.
        """
        if examples.pairs and count % 2:
            raise ConfigError(f"the match head needs pairs of pictures; a batch of {count} cannot hold them, take even")
        self._examples, self._count, self._seed, self._mean = examples, count, seed, mean

    def __call__(self, step: int) -> Batch:
        """The batch of a step."""
        rng = np.random.default_rng([self._seed, step])
        made = [self._make(number, rng) for number in self._draw(rng)]
        images = [image for image, _ in made]
        sizes = [(image.shape[0], image.shape[1]) for image in images]
        return Batch(torch.from_numpy(stack(images, self._mean)), [truth for _, truth in made], sizes)

    def _draw(self, rng: Generator) -> list[int]:
        if not self._examples.pairs:
            return [int(n) for n in rng.integers(0, len(self._examples), self._count)]
        drawn = rng.integers(0, len(self._examples.pairs), self._count // 2)
        return [int(rng.choice(side)) for pair in drawn for side in self._examples.pairs[pair]]

    def _make(self, number: int, rng: Generator) -> tuple[np.ndarray, Truth]:
        """A picture; where it is damaged, the next one that is not."""
        for further in range(_DAMAGED_IN_A_ROW):
            try:
                return self._examples.make((number + further) % len(self._examples), rng)
            except MatcherError as error:
                log.warning("a picture is left out: %s", error)
        raise ConfigError("a hundred pictures in a row are damaged; asworn data check names them")
