"""Landmarks: one map of places for each landmark of each class (He et al., 2017, section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn


def first_landmarks(counts: Sequence[int]) -> list[int]:
    """Number of the first landmark of each class, where all are numbered through."""
    return [0, *accumulate(counts)][:-1]


def to_cells(points: Tensor, boxes: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Cells of landmarks in their boxes.

    Args:
        points: (N, L, 3): x, y, visibility.
        boxes: (N, 4) xyxy.
        size: cells a side.

    Returns:
        (N, L) int64 cells, row by row, and (N, L) bool: labelled and inside the box.
    """
    corner, extent = boxes[:, None, :2], (boxes[:, 2:] - boxes[:, :2])[:, None]
    at = (points[..., :2] - corner) / extent * size
    cell = torch.where(points[..., :2] == boxes[:, None, 2:], size - 1, at.floor().long())
    inside = ((cell >= 0) & (cell < size)).all(-1) & (points[..., 2] > 0)
    return (cell[..., 1] * size + cell[..., 0]).where(inside, 0), inside


def landmark_loss(maps: Tensor, points: Tensor, labels: Tensor, boxes: Tensor, counts: Sequence[int]) -> Tensor:
    """Cross-entropy over the cells of each labelled landmark's map, the mean over landmarks; 0 where there are none.

    Args:
        maps: (N, sum of counts, S, S) logits.
        points: (N, L, 3), the landmarks of the garment's class.
        labels: (N,) class numbers.
        boxes: (N, 4) xyxy.
        counts: landmarks of each class.
    """
    cells, valid = to_cells(points, boxes, maps.shape[-1])
    first = torch.tensor(first_landmarks(counts), device=labels.device)
    many = torch.tensor(list(counts), device=labels.device)
    place = torch.arange(points.shape[1], device=labels.device)
    valid &= place < many[labels][:, None]
    rows, places = torch.nonzero(valid, as_tuple=True)
    if not len(rows):
        return maps.sum() * 0
    chosen = maps[rows, first[labels[rows]] + places].flatten(1)
    return nn.functional.cross_entropy(chosen, cells[rows, places])


def find_landmarks(maps: Tensor, labels: Tensor, boxes: Tensor, counts: Sequence[int]) -> Tensor:
    """The likeliest place of each landmark of the garment's class.

    Args:
        maps: (N, sum of counts, S, S) logits.
        labels: (N,) class numbers.
        boxes: (N, 4) xyxy.
        counts: landmarks of each class.

    Returns:
        (N, L, 3): x, y in pixels, probability; L is the most that a class has, rows of other landmarks are 0.
    """
    size, most, starts = maps.shape[-1], max(counts), first_landmarks(counts)
    result = maps.new_zeros(len(maps), most, 3)
    for row, label in enumerate(labels.tolist()):
        probs = maps[row, starts[label] : starts[label] + counts[label]].flatten(1).softmax(1)
        best, cell = probs.max(1)
        at = torch.stack([cell % size, cell // size], 1) + 0.5
        extent = boxes[row, 2:] - boxes[row, :2]
        result[row, : counts[label]] = torch.cat([boxes[row, :2] + at / size * extent, best[:, None]], 1)
    return result
