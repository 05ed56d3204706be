"""Cutting boxes out of maps: RoIAlign (He et al., 2017) shifted by half a pixel, a box from the level of its size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.ops import roi_align

_CANONICAL_SIDE = 224.0  # a box of this side is read from the level of stride 16 (Lin et al., 2017, equation 1)
_CANONICAL_LEVEL = 4


def level_of(boxes: Tensor, first: int, count: int) -> Tensor:
    """Index of the map that each box is read from.

    Args:
        boxes: (N, 4) xyxy pixels.
        first: log2 of the stride of the finest map.
        count: of maps.

    Returns:
        (N,) int64 in 0..count - 1.
    """
    side = torch.sqrt((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
    level = torch.floor(_CANONICAL_LEVEL + torch.log2(side / _CANONICAL_SIDE + 1e-8))
    return level.clamp(first, first + count - 1).long() - first


def pool(maps: Sequence[Tensor], strides: Sequence[int], rois: Tensor, cells: int, sampling: int) -> Tensor:
    """Pool boxes.

    Args:
        maps: (B, C, H, W) each, finest first.
        strides: of the maps.
        rois: (N, 5), number of the picture and xyxy pixels.
        cells: a side of the result.
        sampling: points a side in each cell; 0 = as many as needed.

    Returns:
        (N, C, cells, cells).
    """
    if len(maps) == 1:
        return roi_align(maps[0], rois, cells, 1.0 / strides[0], sampling, aligned=True)
    level = level_of(rois[:, 1:], strides[0].bit_length() - 1, len(maps))
    pieces, rows = [], []
    for i, (features, stride) in enumerate(zip(maps, strides, strict=True)):
        chosen = torch.nonzero(level == i)[:, 0]
        pieces.append(roi_align(features, rois[chosen], cells, 1.0 / stride, sampling, aligned=True))
        rows.append(chosen)
    return torch.cat(pieces)[torch.argsort(torch.cat(rows))]
