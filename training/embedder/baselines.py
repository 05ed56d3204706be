"""What an embedding must beat: a colour histogram, and the trunk as ImageNet left it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from training.embedder.pooling import masked_mean, resize_mask, tint_ground
from training.trunk import CropTrunk, Normalise

# Crops (N, S, S, 3) uint8 BGR and masks (N, S, S) float32 -> vectors (N, D) float32 of unit length.
Describe = Callable[[NDArray[np.uint8], NDArray[np.float32]], NDArray[np.float32]]
_BINS = (16, 6, 6)
_BATCH = 32


def hsv_histogram(crops: NDArray[np.uint8], masks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Histogram over hue, saturation and value of what the mask covers, square-rooted (Hellinger): (N, 576)."""
    return np.stack([_histogram(crop, mask) for crop, mask in zip(crops, masks, strict=True)])


def _histogram(crop: NDArray[np.uint8], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    hsv = cv2.cvtColor(crop, cv2.COLOR_BGR2HSV)
    inside = (mask > 0.5).astype(np.uint8)
    counts = cv2.calcHist([hsv], [0, 1, 2], inside if inside.any() else None, _BINS, [0, 180, 0, 256, 0, 256])
    shares = np.sqrt(counts.ravel() / max(counts.sum(), 1))
    return shares.astype(np.float32)


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


def describe_with(module: nn.Module) -> Describe:
    """Use a torch module that takes crops and masks as a `Describe`."""
    module.eval()

    @torch.no_grad()
    def describe(crops: NDArray[np.uint8], masks: NDArray[np.float32]) -> NDArray[np.float32]:
        parts = [
            module(torch.from_numpy(crops[at : at + _BATCH]), torch.from_numpy(masks[at : at + _BATCH]))
            for at in range(0, len(crops), _BATCH)
        ]
        return torch.cat(parts).numpy()

    return describe
