"""The proposal network (Ren et al., 2015): which anchors hold something, and where exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms

from training.match_rcnn.anchors import Anchors
from training.match_rcnn.coder import PROPOSAL_WEIGHTS, clip, decode, encode
from training.match_rcnn.config import ModelConfig
from training.match_rcnn.targets import IGNORED, NEGATIVE, POSITIVE, Truth, match, sample

Size = tuple[int, int]
_NEGATIVE_IOU, _POSITIVE_IOU = 0.3, 0.7


class Answers(NamedTuple):
    """What the network says of every anchor of every map: logits (N, A_l), offsets (N, A_l, 4), anchors (A_l, 4)."""

    logits: list[Tensor]
    deltas: list[Tensor]
    anchors: list[Tensor]


class ProposalNetwork(nn.Module):
    """One 3x3 convolution shared by all maps, then a logit and four offsets for each anchor."""

    def __init__(self, config: ModelConfig, channels: int, strides: Sequence[int]) -> None:
        """Build for maps of `channels` at `strides`, with random weights."""
        super().__init__()
        self.config = config
        self.anchors = Anchors(config.anchors, config.anchor_ratios, strides)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.objectness = nn.Conv2d(channels, self.anchors.per_cell, 1)
        self.deltas = nn.Conv2d(channels, 4 * self.anchors.per_cell, 1)
        for layer in (self.conv, self.objectness, self.deltas):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def forward(self, maps: Sequence[Tensor]) -> Answers:
        """Answers for maps (N, C, H_l, W_l); anchors are ordered by row, column, size, shape."""
        hidden = [self.conv(m).relu() for m in maps]
        logits = [self.objectness(h).permute(0, 2, 3, 1).flatten(1) for h in hidden]
        deltas = [self.deltas(h).unflatten(1, (-1, 4)).permute(0, 3, 4, 1, 2).flatten(1, 3) for h in hidden]
        return Answers(logits, deltas, self.anchors(maps))

    @torch.no_grad()
    def propose(self, answers: Answers, sizes: Sequence[Size]) -> list[Tensor]:
        """The best boxes (P, 4) of each picture, best first.

        Args:
            answers: of `forward`.
            sizes: (height, width) of each picture without padding.
        """
        best = [self._best(*level) for level in zip(*answers, strict=True)]
        levels = torch.cat([torch.full_like(s[0], i) for i, (_, s) in enumerate(best)])
        boxes, scores = torch.cat([b for b, _ in best], 1), torch.cat([s for _, s in best], 1)
        return [self._of_picture(boxes[n], scores[n], levels, size) for n, size in enumerate(sizes)]

    def _best(self, logits: Tensor, deltas: Tensor, anchors: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes (N, k, 4) and logits (N, k) of the likeliest anchors of a map."""
        count = min(self.config.before_nms[0 if self.training else 1], logits.shape[1])
        scores, rows = logits.topk(count, 1)
        chosen = deltas.gather(1, rows[..., None].expand(-1, -1, 4))
        boxes = decode(anchors[rows.flatten()], chosen.flatten(0, 1), PROPOSAL_WEIGHTS)
        return boxes.view(*rows.shape, 4), scores

    def _of_picture(self, boxes: Tensor, scores: Tensor, levels: Tensor, size: Size) -> Tensor:
        boxes = clip(boxes, *size)
        filled = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]) & scores.isfinite()
        boxes, scores, levels = boxes[filled], scores[filled], levels[filled]
        kept = batched_nms(boxes, scores, levels, self.config.proposal_nms)
        return boxes[kept[: self.config.proposals[0 if self.training else 1]]]

    def losses(self, answers: Answers, truths: Sequence[Truth]) -> dict[str, Tensor]:
        """`objectness` (cross-entropy) and `proposal_boxes` (L1), each over all sampled anchors."""
        anchors = torch.cat(answers.anchors)
        logits, deltas = torch.cat(answers.logits, 1), torch.cat(answers.deltas, 1)
        objectness, offsets = logits.sum() * 0, deltas.sum() * 0
        for i, truth in enumerate(truths):
            labels, rows = self._labels(anchors, truth)
            chosen, positive = labels != IGNORED, labels == POSITIVE
            objectness = objectness + nn.functional.binary_cross_entropy_with_logits(
                logits[i, chosen], labels[chosen].float(), reduction="sum"
            )
            wanted = encode(anchors[positive], truth.boxes[rows[positive]], PROPOSAL_WEIGHTS)
            offsets = offsets + (deltas[i, positive] - wanted).abs().sum()
        share = self.config.sampled_anchors * len(truths)
        return {"objectness": objectness / share, "proposal_boxes": offsets / share}

    @torch.no_grad()
    def _labels(self, anchors: Tensor, truth: Truth) -> tuple[Tensor, Tensor]:
        """Labels (A,) of the sampled anchors, the others `IGNORED`; and the row of the truth that each fits best."""
        rows, labels = match(truth.boxes, anchors, _NEGATIVE_IOU, _POSITIVE_IOU, keep_best=True)
        positive, negative = sample(labels == POSITIVE, labels == NEGATIVE, self.config.sampled_anchors, 0.5)
        sampled = torch.full_like(labels, IGNORED)
        sampled[positive], sampled[negative] = POSITIVE, NEGATIVE
        return sampled, rows
