"""Frozen batch normalisation taken into the convolution before it: one operation less, the same result."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torchvision.ops import FrozenBatchNorm2d

Norm = nn.BatchNorm2d | FrozenBatchNorm2d


def fold_norms(module: nn.Module) -> int:
    """Fold, in place, every normalisation that is registered right after a convolution of as many channels.

    In torchvision's networks these are the ones that follow it in the computation too. The module must be in evaluation
    mode and of no further use for training.

    Returns:
        How many were folded.
    """
    count = 0
    for parent in list(module.modules()):
        for (_, layer), (name, norm) in pairwise(list(parent.named_children())):
            if isinstance(layer, nn.Conv2d) and isinstance(norm, Norm) and len(norm.running_mean) == layer.out_channels:
                _fold(layer, norm)
                setattr(parent, name, nn.Identity())
                count += 1
    return count


@torch.no_grad()
def _fold(layer: nn.Conv2d, norm: Norm) -> None:
    gain: Tensor = norm.weight * (norm.running_var + norm.eps).rsqrt()
    bias = torch.zeros_like(gain) if layer.bias is None else layer.bias
    layer.bias = nn.Parameter((bias - norm.running_mean) * gain + norm.bias, requires_grad=False)
    layer.weight = nn.Parameter(layer.weight * gain[:, None, None, None], requires_grad=False)
