"""Trunks: torchvision's ResNets with frozen statistics, in Caffe's form where weights ask for it, and MobileNetV2."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet
from torchvision.ops import FrozenBatchNorm2d

from training.detector.trunk import MobileNetV2Trunk
from training.match_rcnn.config import RESNETS, ModelConfig


class FrozenNorm(FrozenBatchNorm2d):
    """Batch normalisation with fixed statistics; one fused operation where no gradient is wanted."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same."""
        if torch.is_grad_enabled() and x.requires_grad:
            scale = self.weight * (self.running_var + self.eps).rsqrt()
            shift = self.bias - self.running_mean * scale
            # In half precision the result stays half.
            return x * scale.to(x.dtype).view(1, -1, 1, 1) + shift.to(x.dtype).view(1, -1, 1, 1)
        return nn.functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
        )


class ResNetTrunk(nn.Module):
    """The stages of a ResNet or ResNeXt; parameters are named as torchvision names them."""

    def __init__(self, net: ResNet, stages: int, frozen: int) -> None:
        """Take the stem and the first `stages` stages; `frozen` of these, the stem counted, take no gradient."""
        super().__init__()
        self.conv1, self.bn1, self.maxpool = net.conv1, net.bn1, net.maxpool
        self._names = tuple(f"layer{i + 1}" for i in range(stages))
        for name in self._names:
            setattr(self, name, getattr(net, name))
        self.conv1.requires_grad_(frozen < 1)
        for i, name in enumerate(self._names):
            getattr(self, name).requires_grad_(frozen < i + 2)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W) -> maps at strides 4, 8, ..., one for each stage."""
        x = self.maxpool(self.bn1(self.conv1(x)).relu_())
        maps = []
        for name in self._names:
            x = getattr(self, name)(x)
            maps.append(x)
        return maps


class WideMobileNetV2(MobileNetV2Trunk):
    """MobileNetV2 with a map at stride 4 too, as the full pyramid needs it."""

    channels = (24, 32, 96, 320)
    _taps = (3, 6, 13, 17)


def build_resnet(config: ModelConfig) -> ResNet:
    """torchvision's network, changed into Detectron2's form.

    Args:
        config: its backbone is a ResNet. With neck "dc5" the last stage keeps stride 16 and is dilated by 2.
    """
    blocks, groups, width = RESNETS[config.net]
    dilated = config.neck == "dc5"
    net = ResNet(
        Bottleneck,
        list(config.blocks or blocks),
        groups=groups,
        width_per_group=width,
        replace_stride_with_dilation=[False, False, dilated],
        norm_layer=FrozenNorm,
    )
    if dilated:
        # torchvision dilates from the second block on.
        net.layer4[0].conv2.dilation = net.layer4[0].conv2.padding = (2, 2)
    if config.stride_in_1x1:
        for stage in (net.layer2, net.layer3, net.layer4):
            stage[0].conv1.stride, stage[0].conv2.stride = stage[0].conv2.stride, (1, 1)
    return net
