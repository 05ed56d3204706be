"""The detector put together: trunk, pyramid, proposals, heads."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList

from matcher.taxonomy import TYPES
from training.detector.config import ModelConfig
from training.detector.heads import build_roi_heads, build_rpn
from training.detector.pyramid import Pyramid
from training.detector.trunk import MobileNetV2Trunk

CLASSES = len(TYPES) + 1  # class 0 is the background, class 1 + i is TYPES[i]
MEAN = (123.675, 116.28, 103.53)  # RGB, of ImageNet
STD = (58.395, 57.12, 57.375)


class Truth(NamedTuple):
    """Truth of one picture: boxes (N, 4) float32 xyxy, labels (N,) int64 in 1..11, masks (N, H, W) uint8."""

    boxes: Tensor
    labels: Tensor
    masks: Tensor

    def as_target(self) -> dict[str, Tensor]:
        """In the form that torchvision's heads take."""
        return self._asdict()


class MatchRCNN(nn.Module):
    """Match R-CNN of three outputs: boxes, types and masks. Parts are attributes; heads may be added."""

    def __init__(self, config: ModelConfig, frozen_blocks: int = 4) -> None:
        """Build with random weights; the first `frozen_blocks` blocks of the trunk take no gradient."""
        super().__init__()
        self.config = config
        self.trunk = MobileNetV2Trunk(frozen_blocks)
        self.pyramid = Pyramid(self.trunk.channels, config.width)
        self.rpn = build_rpn(config)
        self.roi_heads = build_roi_heads(config, CLASSES)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def levels(self, images: Tensor) -> list[Tensor]:
        """uint8 BGR (N, H, W, 3), H and W multiples of 32 -> pyramid maps at strides 8, 16, 32."""
        x = images.permute(0, 3, 1, 2).flip(1).float()
        x = ((x - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        return self.pyramid(self.trunk(x))

    def forward(self, images: Tensor, truths: list[Truth]) -> dict[str, Tensor]:
        """Losses by name of a training batch.

        Args:
            images: (N, H, W, 3) uint8 BGR.
            truths: one for each picture; a picture may have no garment.
        """
        named = {f"p{i}": level for i, level in enumerate(self.levels(images), start=3)}
        shapes = [tuple(images.shape[1:3])] * len(images)
        targets = [truth.as_target() for truth in truths]
        # The proposal network reads only the shape of the pictures from its first argument.
        holder = ImageList(images.new_zeros(1).expand(len(images), 3, *images.shape[1:3]), shapes)
        proposals, rpn_losses = self.rpn(holder, named, targets)
        _, roi_losses = self.roi_heads(named, proposals, shapes, targets)
        return {**rpn_losses, **roi_losses}
