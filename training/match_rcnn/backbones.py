"""Backbones: a trunk, and the maps that proposals and boxes are read from."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from training.match_rcnn.config import MOBILENET, ModelConfig
from training.match_rcnn.trunks import ResNetTrunk, WideMobileNetV2, build_resnet

# Frozen blocks of MobileNetV2 that make up so many stages, the stem counted as one.
_MOBILENET_STAGES = (0, 2, 4, 7, 14, 18)


class Backbone(nn.Module):
    """Pictures to maps.

    Attributes:
        strides: pixels of the input per cell of each map.
        channels: of every map.
        roi_maps: the first so many maps are those that boxes are pooled from; proposals come from all.
        divisor: sides of the input must be multiples of it.
    """

    strides: tuple[int, ...]
    channels: int
    roi_maps: int
    divisor: int

    def __init__(self, config: ModelConfig) -> None:
        """Set pixel statistics; the maps are up to the subclass."""
        super().__init__()
        self.rgb = config.rgb
        self.register_buffer("mean", torch.tensor(config.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config.std).view(1, 3, 1, 1), persistent=False)

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 BGR (N, H, W, 3) -> float32 (N, 3, H, W), less the mean, over the deviation."""
        x = (images.permute(0, 3, 1, 2).contiguous().float() - self.mean) / self.std
        return x.flip(1) if self.rgb else x


class PyramidBackbone(Backbone):
    """A feature pyramid (Lin et al., 2017) on the trunk's stages, and one coarser level for proposals alone."""

    strides = (4, 8, 16, 32, 64)
    roi_maps = 4
    divisor = 32

    def __init__(self, config: ModelConfig) -> None:
        """Build the trunk and the pyramid with random weights."""
        super().__init__(config)
        self.channels = config.pyramid_width
        if config.net == MOBILENET:
            self.trunk: nn.Module = WideMobileNetV2(_MOBILENET_STAGES[config.frozen_stages])
            widths = list(WideMobileNetV2.channels)
        else:
            self.trunk = ResNetTrunk(build_resnet(config), 4, config.frozen_stages)
            widths = [256, 512, 1024, 2048]
        self.pyramid = FeaturePyramidNetwork(widths, config.pyramid_width, LastLevelMaxPool())

    def forward(self, x: Tensor) -> list[Tensor]:
        """Normalised pictures (N, 3, H, W) -> five maps, finest first."""
        maps = {f"p{i}": m for i, m in enumerate(self.trunk(x), start=2)}
        return list(self.pyramid(maps).values())


class SingleBackbone(Backbone):
    """One map at stride 16: the third stage ("c4"), or the fourth one dilated ("dc5")."""

    strides = (16,)
    roi_maps = 1
    divisor = 1

    def __init__(self, config: ModelConfig) -> None:
        """Build the trunk with random weights; with "c4" the last stage goes to the heads."""
        super().__init__(config)
        net = build_resnet(config)
        stages = 3 if config.neck == "c4" else 4
        self.trunk = ResNetTrunk(net, stages, config.frozen_stages)
        self.channels = 1024 if config.neck == "c4" else 2048

    def forward(self, x: Tensor) -> list[Tensor]:
        """Normalised pictures (N, 3, H, W) -> one map."""
        return self.trunk(x)[-1:]


def build_backbone(config: ModelConfig) -> Backbone:
    """The backbone that `config.backbone` names."""
    return PyramidBackbone(config) if config.neck == "fpn" else SingleBackbone(config)
