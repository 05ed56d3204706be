"""Boxes as offsets from other boxes, and what is done with boxes in tensors (Girshick et al., 2014, appendix C)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

Weights = tuple[float, float, float, float]

PROPOSAL_WEIGHTS: Weights = (1.0, 1.0, 1.0, 1.0)
BOX_WEIGHTS: Weights = (10.0, 10.0, 5.0, 5.0)
# Largest growth by one refinement: from 16 px to 1000 px.
_MOST = math.log(1000.0 / 16)


def _centred(boxes: Tensor) -> tuple[Tensor, Tensor]:
    size = boxes[:, 2:] - boxes[:, :2]
    return boxes[:, :2] + 0.5 * size, size


def encode(boxes: Tensor, targets: Tensor, weights: Weights) -> Tensor:
    """Offsets (N, 4) of centre and log size that turn `boxes` (N, 4) xyxy into `targets` (N, 4), times `weights`."""
    (centre, size), (target, target_size) = _centred(boxes), _centred(targets)
    offsets = torch.cat([(target - centre) / size, torch.log(target_size / size)], 1)
    return offsets * offsets.new_tensor(weights)


def decode(boxes: Tensor, deltas: Tensor, weights: Weights) -> Tensor:
    """Boxes moved by offsets.

    Args:
        boxes: (N, 4) xyxy.
        deltas: (N, K * 4), K boxes for each of them.
        weights: what `encode` multiplied by.

    Returns:
        (N, K, 4) xyxy.
    """
    centre, size = (part[:, None] for part in _centred(boxes))
    deltas = deltas.float().unflatten(1, (-1, 4))
    shift = torch.stack([deltas[..., 0] / weights[0], deltas[..., 1] / weights[1]], -1)
    growth = torch.stack([deltas[..., 2] / weights[2], deltas[..., 3] / weights[3]], -1).clamp(max=_MOST)
    centre = shift * size + centre
    size = torch.exp(growth) * size
    return torch.cat([centre - 0.5 * size, centre + 0.5 * size], -1)


def clip(boxes: Tensor, height: int, width: int) -> Tensor:
    """Boxes (..., 4) xyxy cut at the borders of a picture."""
    x, y = boxes[..., 0::2].clamp(0, width), boxes[..., 1::2].clamp(0, height)
    return torch.stack([x[..., 0], y[..., 0], x[..., 1], y[..., 1]], -1)


def with_batch(boxes: list[Tensor]) -> Tensor:
    """Boxes of several pictures as (sum N, 5): number of the picture, xyxy."""
    return torch.cat([torch.cat([torch.full_like(b[:, :1], i), b], 1) for i, b in enumerate(boxes)])
