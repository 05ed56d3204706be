"""The trunk of the models that look at one crop: the detector's MobileNetV2 with other taps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from matcher.errors import ConfigError
from training.checkpoint import load_checkpoint
from training.detector.trunk import MobileNetV2Trunk, gradient

# Channels after each block; block 0 is the first convolution.
WIDTHS = (32, 16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320)
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


class CropTrunk(nn.Module):
    """MobileNetV2, batch normalisation folded, giving the maps after chosen blocks."""

    def __init__(self, taps: Sequence[int], frozen_blocks: int) -> None:
        """Build with random weights.

        Args:
            taps: numbers of the blocks whose output is returned, ascending; blocks after the last are dropped.
            frozen_blocks: so many first blocks take no gradient.
        """
        super().__init__()
        self.taps = tuple(taps)
        self.channels = tuple(WIDTHS[i] for i in self.taps)
        self.blocks = MobileNetV2Trunk(frozen_blocks).blocks[: self.taps[-1] + 1]
        self._frozen = frozen_blocks

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W) normalised RGB -> one map per tap."""
        maps = []
        for i, block in enumerate(self.blocks):
            with gradient(i >= self._frozen):
                x = nn.functional.relu6(block(x)) if i == 0 else block(x)
            if i in self.taps:
                maps.append(x)
        return maps

    def load_imagenet(self, path: Path) -> None:
        """Load the ImageNet weights; see `MobileNetV2Trunk.load_imagenet`.

        Raises:
            ConfigError: the file is missing or lacks a key.
        """
        whole = MobileNetV2Trunk()
        whole.load_imagenet(path)
        self.blocks.load_state_dict(whole.blocks[: len(self.blocks)].state_dict())

    def load_detector(self, path: Path) -> None:
        """Load the averaged trunk of a detector's checkpoint: it has seen far more clothes than ImageNet's.

        Raises:
            ConfigError: the file cannot be read, or is no detector's checkpoint.
        """
        weights, prefix = load_checkpoint(path).get("average", {}), "trunk.blocks."
        blocks = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
        wanted = self.blocks.state_dict()
        if not wanted.keys() <= blocks.keys():
            raise ConfigError(f"{path} has no trunk to start from; give a checkpoint of the detector")
        self.blocks.load_state_dict({key: blocks[key] for key in wanted})


class Normalise(nn.Module):
    """uint8 BGR crops (N, S, S, 3) -> (N, 3, S, S) float RGB with ImageNet's mean and deviation."""

    def __init__(self) -> None:
        """Hold mean and deviation."""
        super().__init__()
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("scale", 1 / (torch.tensor(_STD).view(1, 3, 1, 1) * 255), persistent=False)

    def forward(self, crops: Tensor) -> Tensor:
        """See the class."""
        rgb = crops.permute(0, 3, 1, 2).float().flip(1)
        return (rgb - self.mean) * self.scale
