"""What an embedding must beat: a colour histogram, and the trunk as ImageNet left it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from matcher.outline import refined
from training.embedder.histogram import hsv_histogram as hsv_histogram
from training.embedder.pooling import masked_mean, resize_mask, tint_ground
from training.trunk import CropTrunk, Normalise

# Crops (N, S, S, 3) uint8 BGR and masks (N, S, S) float32 -> vectors (N, D) float32 of unit length.
Describe = Callable[[NDArray[np.uint8], NDArray[np.float32]], NDArray[np.float32]]
_BATCH = 32


class ImageNetTrunk(nn.Module):
    """The untrained baseline: masked mean of the trunk's last map, unit length (N, 320)."""

    def __init__(self, weights: Path) -> None:
        """Load the ImageNet weights; see `CropTrunk.load_imagenet` for the errors."""
        super().__init__()
        self.normalise = Normalise()
        self.trunk = CropTrunk((17,), 0)
        self.trunk.load_imagenet(weights)

    def forward(self, crops: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """As `Embedder.forward`."""
        weights = masks.unsqueeze(1)
        (last,) = self.trunk(tint_ground(self.normalise(crops), weights, 0.0))
        return nn.functional.normalize(masked_mean(last, resize_mask(weights, last)), dim=1)


def describe_with(module: nn.Module, refine: bool = False) -> Describe:
    """Use a torch module that takes crops and masks as a `Describe`; `refine` the masks first, as its bundle would."""
    module.eval()

    @torch.no_grad()
    def describe(crops: NDArray[np.uint8], masks: NDArray[np.float32]) -> NDArray[np.float32]:
        masks = refined(crops, masks) if refine else masks
        parts = [
            module(torch.from_numpy(crops[at : at + _BATCH]), torch.from_numpy(masks[at : at + _BATCH]))
            for at in range(0, len(crops), _BATCH)
        ]
        return torch.cat(parts).numpy()

    return describe
