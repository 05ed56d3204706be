"""Match R-CNN put together: backbone, proposals, heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from training.match_rcnn.backbones import build_backbone
from training.match_rcnn.coder import with_batch
from training.match_rcnn.config import ModelConfig
from training.match_rcnn.landmarks import find_landmarks
from training.match_rcnn.proposals import ProposalNetwork, Size
from training.match_rcnn.roi_heads import Boxes, RoIHeads
from training.match_rcnn.targets import Truth


class Detections(NamedTuple):
    """What is found in one picture, best first; None where there is no such head.

    Attributes:
        boxes: (D, 4) float32 xyxy pixels of the input.
        scores: (D,).
        labels: (D,) int64 class numbers.
        masks: (D, M, M) 0..1 over each box.
        landmarks: (D, L, 3): x, y, probability; see `find_landmarks`.
        attributes: (D, A) probabilities.
        vectors: (D, dimension) of the match head.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    masks: Tensor | None = None
    landmarks: Tensor | None = None
    attributes: Tensor | None = None
    vectors: Tensor | None = None


class MatchRCNN(nn.Module):
    """The detector in full size. In training it returns losses, else detections."""

    def __init__(self, config: ModelConfig) -> None:
        """Build with random weights."""
        super().__init__()
        self.config = config
        self.backbone = build_backbone(config)
        self.rpn = ProposalNetwork(config, self.backbone.channels, self.backbone.strides)
        self.heads = RoIHeads(config, self.backbone)

    def maps(self, images: Tensor) -> list[Tensor]:
        """uint8 BGR (N, H, W, 3) -> the backbone's maps. Sides are padded to what the backbone needs.

        Padding is with the mean, right and below.
        """
        x = self.backbone.normalise(images)
        divisor = self.backbone.divisor
        bottom, right = (-x.shape[2]) % divisor, (-x.shape[3]) % divisor
        x = nn.functional.pad(x, (0, right, 0, bottom)) if bottom or right else x
        return self.backbone(x)

    def forward(
        self, images: Tensor, truths: Sequence[Truth] = (), sizes: Sequence[Size] | None = None
    ) -> dict[str, Tensor] | list[Detections]:
        """Losses by name in training; what is found in each picture otherwise.

        Args:
            images: (N, H, W, 3) uint8 BGR, filled up to one size with the mean colour.
            truths: one for each picture, in training; a picture may have no garment.
            sizes: (height, width) of each picture without padding; None = all are of that one size.
        """
        sizes = list(sizes or [tuple(images.shape[1:3])] * len(images))
        return self._losses(images, truths, sizes) if self.training else self.detect(images, sizes)

    def _losses(self, images: Tensor, truths: Sequence[Truth], sizes: Sequence[Size]) -> dict[str, Tensor]:
        maps = self.maps(images)
        answers = self.rpn(maps)
        proposals = self.rpn.propose(answers, sizes)
        return {**self.rpn.losses(answers, truths), **self.heads.losses(maps, proposals, truths)}

    @torch.no_grad()
    def detect(self, images: Tensor, sizes: Sequence[Size], least: float = 0.0) -> list[Detections]:
        """What is found in pictures with more than a `least` score; further arguments as for `forward`."""
        maps = self.maps(images)
        found = self.heads.detect(maps, self.rpn.propose(self.rpn(maps), sizes), sizes, least)
        return self.describe(maps, found)

    def describe(self, maps: Sequence[Tensor], found: list[Boxes]) -> list[Detections]:
        """What the further heads say of boxes that were found."""
        heads, rois = self.heads, with_batch([f.boxes for f in found])
        labels, counts = torch.cat([f.labels for f in found]), [len(f.boxes) for f in found]
        parts: list[Tensor | None] = [None] * 4
        if heads.mask is not None or heads.landmarks is not None or heads.match is not None:
            features = heads.features(maps, rois)
            parts[0] = None if heads.mask is None else heads.mask_probabilities(features, labels)
            parts[1] = None if heads.landmarks is None else self._landmarks(features, labels, rois)
            parts[3] = None if heads.match is None else heads.match.embed(features)
        if heads.attributes is not None:
            parts[2] = heads.attributes(heads.vectors(maps, rois)).sigmoid()
        split = [[None] * len(found) if part is None else part.split(counts) for part in parts]
        return [Detections(*boxes, *further) for boxes, *further in zip(found, *split, strict=True)]

    def _landmarks(self, features: Tensor, labels: Tensor, rois: Tensor) -> Tensor:
        return find_landmarks(self.heads.landmarks(features), labels, rois[:, 1:], self.config.landmark_counts)
