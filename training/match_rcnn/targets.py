"""What the losses compare with: truth of a picture, matching boxes to it, drawing a balanced sample."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.ops import box_iou, roi_align

POSITIVE, NEGATIVE, IGNORED = 1, 0, -1


class Truth(NamedTuple):
    """Truth of one picture of N garments.

    Attributes:
        boxes: (N, 4) float32 xyxy pixels of the input.
        labels: (N,) int64 class numbers.
        masks: (N, H, W) uint8, of the size of the input.
        landmarks: (N, L, 3) float32: x, y, visibility (0 = not labelled); L is the most that a class has.
        attributes: (N, A) float32 of 0 and 1.
        products: (N,) int64, equal for the same product; -1 = not known.
        street: whether people wear the garments, as against a shop's picture.
    """

    boxes: Tensor
    labels: Tensor
    masks: Tensor
    landmarks: Tensor
    attributes: Tensor
    products: Tensor
    street: bool = True

    def to(self, device: torch.device) -> Truth:
        """The same on another device."""
        return Truth(*(part.to(device, non_blocking=True) for part in self[:-1]), street=self.street)


class Chosen(NamedTuple):
    """Boxes of a picture that the heads are trained on; positive ones first.

    Attributes:
        boxes: (S, 4) xyxy.
        labels: (S,) class numbers; the number of classes stands for the background.
        rows: (S,) row of the truth, of no meaning for the background.
        positive: how many are positive.
    """

    boxes: Tensor
    labels: Tensor
    rows: Tensor
    positive: int


def match(truth: Tensor, boxes: Tensor, low: float, high: float, keep_best: bool = False) -> tuple[Tensor, Tensor]:
    """Which true box each box stands for.

    Args:
        truth: (M, 4) xyxy, M may be 0.
        boxes: (N, 4) xyxy.
        low: below this overlap a box is `NEGATIVE`.
        high: from this on it is `POSITIVE`; between the two it is `IGNORED`.
        keep_best: the boxes that overlap a true one most are positive, however little that is.

    Returns:
        (N,) int64 rows of `truth`, and (N,) int64 labels.
    """
    if len(truth) == 0:
        empty = torch.zeros(len(boxes), dtype=torch.int64, device=boxes.device)
        return empty, empty.clone()
    overlap = box_iou(truth, boxes)
    best, rows = overlap.max(0)
    labels = torch.full_like(rows, IGNORED)
    labels[best < low], labels[best >= high] = NEGATIVE, POSITIVE
    if keep_best:
        most = overlap.max(1, keepdim=True).values
        labels[((overlap == most) & (most > 0)).any(0)] = POSITIVE
    return rows, labels


def sample(positive: Tensor, negative: Tensor, count: int, share: float) -> tuple[Tensor, Tensor]:
    """Draw rows at random.

    Args:
        positive, negative: (N,) bool.
        count: rows in all at most.
        share: largest share of positive ones.

    Returns:
        Positive rows and negative rows, int64.
    """
    some = [torch.nonzero(part)[:, 0] for part in (positive, negative)]
    first = min(len(some[0]), int(count * share))
    second = min(len(some[1]), count - first)
    drawn = (torch.randperm(len(rows), device=rows.device)[:n] for rows, n in zip(some, (first, second), strict=True))
    return tuple(rows[order] for rows, order in zip(some, drawn, strict=True))


@torch.no_grad()
def choose(proposals: Tensor, truth: Truth, classes: int, count: int, share: float) -> Chosen:
    """Label proposals (P, 4) and the true boxes themselves, and draw `count`, at most `share` of them positive."""
    boxes = torch.cat([proposals, truth.boxes])
    rows, labels = match(truth.boxes, boxes, 0.5, 0.5)
    positive, negative = sample(labels == POSITIVE, labels == NEGATIVE, count, share)
    drawn = torch.cat([positive, negative])
    classes_of = torch.full_like(drawn, classes)
    if len(positive):
        classes_of[: len(positive)] = truth.labels[rows[positive]]
    return Chosen(boxes[drawn], classes_of, rows[drawn], len(positive))


def mask_targets(masks: Tensor, rows: Tensor, boxes: Tensor, size: int) -> Tensor:
    """True masks cut to boxes: (M, H, W) uint8, rows (N,) and boxes (N, 4) xyxy -> (N, size, size) of 0.0 and 1.0."""
    rois = torch.cat([torch.arange(len(rows), device=rows.device, dtype=boxes.dtype)[:, None], boxes], 1)
    cut = roi_align(masks[rows][:, None].float(), rois, size, 1.0, 0, aligned=True)[:, 0]
    return (cut >= 0.5).float()
