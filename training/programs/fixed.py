"""Choosing and pooling boxes with shapes that depend on no value, so that a GPU never waits for the host.

torchvision's suppression gives as many rows as survive, and pooling by levels asks how many boxes each level has: both
make the host wait, and neither can be recorded in a CUDA graph.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.ops import roi_align

from training.match_rcnn.pool import level_of

ROUNDS = 32  # a chain needs so many boxes, each overlapping the next and not the one after; not measured on photos


def overlaps(boxes: Tensor) -> Tensor:
    """IoU (N, K, K) of boxes (N, K, 4) xyxy with one another; 0 where both are empty."""
    low = torch.maximum(boxes[:, :, None, :2], boxes[:, None, :, :2])
    high = torch.minimum(boxes[:, :, None, 2:], boxes[:, None, :, 2:])
    sides = (high - low).clamp(min=0)
    common = sides[..., 0] * sides[..., 1]
    extent = boxes[..., 2:] - boxes[..., :2]
    area = extent[..., 0] * extent[..., 1]
    return common / (area[:, :, None] + area[:, None, :] - common).clamp(min=1e-9)


def survivors(boxes: Tensor, limit: float, rounds: int = ROUNDS) -> Tensor:
    """Greedy suppression without a loop over boxes.

    Who survives is the fixed point of "whoever is not overlapped by a better survivor". After r rounds from "all do",
    every box is right whose fate hangs on a chain of at most r boxes, so the result is that of greedy suppression
    unless a chain is longer than `rounds`.

    Args:
        boxes: (N, K, 4) xyxy, best first.
        limit: IoU above which the worse of two falls.
        rounds: see above.

    Returns:
        (N, K) bool.
    """
    rows = torch.arange(boxes.shape[1], device=boxes.device)
    # Element (i, j): box i, if it survives, takes j out.
    beats = ((overlaps(boxes) > limit) & (rows[:, None] < rows[None, :])).to(boxes.dtype)
    alive = torch.ones_like(boxes[:, None, :, 0])
    for _ in range(rounds):
        alive = (torch.bmm(alive, beats) < 0.5).to(boxes.dtype)
    return alive[:, 0] > 0.5


def first(chosen: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Where the first chosen ones are.

    Args:
        chosen: (N, K) bool.
        count: at most K.

    Returns:
        Indices (N, count) int64, the chosen ones first and in order; and which of them are chosen, (N, count) bool.
    """
    order = torch.arange(chosen.shape[1], 0, -1, device=chosen.device)
    rank, rows = torch.where(chosen, order, -order).topk(count, 1)
    return rows, rank > 0


def take(values: Tensor, rows: Tensor) -> Tensor:
    """Rows (N, P) of values (N, K, C): (N, P, C)."""
    return values.gather(1, rows[..., None].expand(-1, -1, values.shape[2]))


def with_picture(boxes: Tensor) -> Tensor:
    """Boxes (N, P, 4) as (N * P, 5): number of the picture, xyxy."""
    number = torch.arange(boxes.shape[0], device=boxes.device, dtype=boxes.dtype)[:, None, None]
    return torch.cat([number.expand(-1, boxes.shape[1], 1), boxes], 2).flatten(0, 1)


def pool(maps: Sequence[Tensor], strides: Sequence[int], rois: Tensor, cells: int, sampling: int) -> Tensor:
    """As `training.match_rcnn.pool.pool`, every box looked for on every map.

    On the maps that a box does not belong to it is a point in the corner, which costs next to nothing.
    """
    level = level_of(rois[:, 1:], strides[0].bit_length() - 1, len(maps))
    pooled: Tensor | None = None
    for i, (features, stride) in enumerate(zip(maps, strides, strict=True)):
        mine = (level == i)[:, None]
        there = torch.cat([rois[:, :1], torch.where(mine, rois[:, 1:], 0.0)], 1)
        # torchvision has no bfloat16 kernel for it.
        part = roi_align(features.float(), there, cells, 1.0 / stride, sampling, aligned=True)
        pooled = part if pooled is None else torch.where(mine[..., None, None], part, pooled)
    return pooled
