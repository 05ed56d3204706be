"""MobileNetV2 as a trunk, its batch normalisation folded into the convolutions.

Folding (w' = w * gamma / sqrt(var + eps), b' = beta - mean * gamma / sqrt(var + eps)) is exact for frozen statistics
and saves a quarter of a training step on a CPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from matcher.errors import ConfigError

# (expansion, channels, repeats, stride) of the inverted residual blocks: Sandler et al., 2018, table 2.
_BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
_EPS = 1e-5


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)


def gradient(wanted: bool) -> AbstractContextManager[Any]:
    """No gradient within it where none is wanted; where there is none anyway nothing is switched.

    The exporter takes every switch for the edge of a graph of its own, and joining them takes minutes.
    """
    return nullcontext() if wanted or not torch.is_grad_enabled() else torch.no_grad()


class InvertedResidual(nn.Module):
    """Expand, filter depth by depth, project; with a shortcut where shapes allow."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        """Widen `inputs` channels by `expansion`, give `outputs`; a shortcut where the shape stays."""
        super().__init__()
        hidden = inputs * expansion
        self.expand = _conv(inputs, hidden, 1)
        self.depthwise = _conv(hidden, hidden, 3, stride, groups=hidden)
        self.project = _conv(hidden, outputs, 1)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H / stride, W / stride)."""
        y = nn.functional.relu6(self.expand(x), inplace=True)
        y = self.project(nn.functional.relu6(self.depthwise(y), inplace=True))
        return x + y if self.shortcut else y


class MobileNetV2Trunk(nn.Module):
    """Feature maps at strides 8, 16 and 32 with 32, 96 and 320 channels.

    `channels` names the widths for whatever stands on top, so that other trunks can take its place.
    """

    channels = (32, 96, 320)
    _taps = (6, 13, 17)

    def __init__(self, frozen_blocks: int = 4) -> None:
        """Build with random weights; the first `frozen_blocks` blocks take no gradient."""
        super().__init__()
        blocks: list[nn.Module] = [_conv(3, 32, 3, 2)]
        width = 32
        for expansion, channels, repeats, stride in _BLOCKS:
            for i in range(repeats):
                blocks.append(InvertedResidual(width, channels, stride if i == 0 else 1, expansion))
                width = channels
        self.blocks = nn.ModuleList(blocks)
        self._frozen = frozen_blocks
        self.blocks[:frozen_blocks].requires_grad_(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W) normalised RGB -> three maps, finest first."""
        taps = []
        for i, block in enumerate(self.blocks):
            with gradient(i >= self._frozen):
                x = nn.functional.relu6(block(x), inplace=True) if i == 0 else block(x)
            if i in self._taps:
                taps.append(x)
        return taps

    def load_imagenet(self, path: Path) -> None:
        """Load an .npz of ImageNet weights (torchvision's key names), folding every normalisation.

        Raises:
            ConfigError: the file is missing or lacks a key.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                weights = {key: torch.from_numpy(arrays[key]) for key in arrays.files}
            self._fold_all(weights)
        except (OSError, KeyError, ValueError) as error:
            raise ConfigError(f"cannot start from the ImageNet weights {path}: {error}") from error

    def _fold_all(self, weights: Mapping[str, Tensor]) -> None:
        for i, block in enumerate(self.blocks):
            at = f"features.{i}"
            if i == 0:
                _fold(block, weights, f"{at}.0", f"{at}.1")
                continue
            _fold(block.expand, weights, f"{at}.conv.0.0", f"{at}.conv.0.1")
            _fold(block.depthwise, weights, f"{at}.conv.1.0", f"{at}.conv.1.1")
            _fold(block.project, weights, f"{at}.conv.2", f"{at}.conv.3")


@torch.no_grad()
def _fold(conv: nn.Conv2d, weights: Mapping[str, Tensor], conv_key: str, norm_key: str) -> None:
    scale = weights[f"{norm_key}.weight"] / torch.sqrt(weights[f"{norm_key}.running_var"] + _EPS)
    conv.weight.copy_(weights[f"{conv_key}.weight"] * scale[:, None, None, None])
    conv.bias.copy_(weights[f"{norm_key}.bias"] - weights[f"{norm_key}.running_mean"] * scale)
