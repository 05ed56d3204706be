"""All heads over their boxes: which features each sees, what they say at test, how they are trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms

from training.match_rcnn.backbones import Backbone
from training.match_rcnn.coder import BOX_WEIGHTS, clip, decode, encode, with_batch
from training.match_rcnn.config import ModelConfig
from training.match_rcnn.heads import BoxHead, BoxPredictor, LandmarkHead, MaskHead
from training.match_rcnn.landmarks import landmark_loss
from training.match_rcnn.match_head import MatchHead, match_loss
from training.match_rcnn.pool import pool
from training.match_rcnn.targets import Chosen, Truth, choose, mask_targets
from training.match_rcnn.trunks import build_resnet

Size = tuple[int, int]
_RES5_CHANNELS = 2048


class Boxes(NamedTuple):
    """Boxes kept of one picture, best first: (D, 4) xyxy, (D,) scores, (D,) int64 class numbers."""

    boxes: Tensor
    scores: Tensor
    labels: Tensor


class RoIHeads(nn.Module):
    """Heads on boxes. Parts are attributes, None where the settings leave them out."""

    def __init__(self, config: ModelConfig, backbone: Backbone) -> None:
        """Build for the maps of a backbone, with random weights."""
        super().__init__()
        self.config = config
        self.strides, self._maps = backbone.strides[: backbone.roi_maps], backbone.roi_maps
        # With "c4" the trunk's last stage runs on every box, and box and mask head share what it says.
        self.res5 = build_resnet(config).layer4 if config.neck == "c4" else None
        channels = backbone.channels if self.res5 is None else _RES5_CHANNELS
        width = config.box_width if config.box_layers else channels
        self.box = BoxHead(channels * config.box_cells**2, width, config.box_layers) if config.box_layers else None
        self.predictor = BoxPredictor(width, config.classes, config.agnostic_boxes)
        masks = 1 if config.agnostic_masks else config.classes
        self.mask = MaskHead(channels, config.mask_width, config.mask_convolutions, masks) if config.masks else None
        total = sum(config.landmark_counts)
        self.landmarks = LandmarkHead(channels, config.landmark_width, total) if total else None
        self.attributes = nn.Linear(width, config.attributes) if config.attributes else None
        self.match = MatchHead(channels, config.match_width, config.match_dimension) if config.match else None

    def vectors(self, maps: Sequence[Tensor], rois: Tensor) -> Tensor:
        """What the box head says of boxes (N, 5): (N, width)."""
        if self.box is None:
            return self.features(maps, rois).mean((2, 3))
        return self.box(pool(maps[: self._maps], self.strides, rois, self.config.box_cells, self.config.sampling))

    def features(self, maps: Sequence[Tensor], rois: Tensor) -> Tensor:
        """Maps (N, C, s, s) of boxes (N, 5), for every head but the box head."""
        cells = self.config.mask_cells
        pooled = pool(maps[: self._maps], self.strides, rois, cells, self.config.sampling)
        return pooled if self.res5 is None else self.res5(pooled)

    def detect(
        self, maps: Sequence[Tensor], proposals: list[Tensor], sizes: Sequence[Size], least: float = 0.0
    ) -> list[Boxes]:
        """Boxes with classes, after suppression within each class.

        Args:
            maps: of the backbone.
            proposals: of each picture (P, 4).
            sizes: (height, width) of each picture.
            least: score that a box must exceed, if it is more than the configured one.
        """
        least = max(least, self.config.score_threshold)
        logits, deltas = self.predictor(self.vectors(maps, with_batch(proposals)))
        scores, boxes = logits.softmax(1), decode(torch.cat(proposals), deltas, BOX_WEIGHTS)
        counts = [len(p) for p in proposals]
        parts = zip(scores.split(counts), boxes.split(counts), sizes, strict=True)
        return [self._kept(s[:, :-1], clip(b, *size), least) for s, b, size in parts]

    def _kept(self, scores: Tensor, boxes: Tensor, least: float) -> Boxes:
        sound = boxes.isfinite().all(-1).all(-1) & scores.isfinite().all(-1)
        rows, labels = torch.nonzero((scores > least) & sound[:, None], as_tuple=True)
        boxes = boxes[rows, 0 if self.config.agnostic_boxes else labels]
        scores = scores[rows, labels]
        kept = batched_nms(boxes, scores, labels, self.config.nms_iou)[: self.config.detections]
        return Boxes(boxes[kept], scores[kept], labels[kept])

    def mask_probabilities(self, features: Tensor, labels: Tensor) -> Tensor:
        """Masks (N, M, M) 0..1 of boxes of these classes (N,), from their `features`."""
        return self._mask_logits(features, labels).sigmoid()

    def _mask_logits(self, features: Tensor, labels: Tensor) -> Tensor:
        logits = self.mask(features)
        size = logits.shape[-1]
        chosen = (torch.zeros_like(labels) if self.config.agnostic_masks else labels)[:, None, None, None]
        return logits.gather(1, chosen.expand(-1, 1, size, size))[:, 0]

    def losses(self, maps: Sequence[Tensor], proposals: list[Tensor], truths: Sequence[Truth]) -> dict[str, Tensor]:
        """Losses of all heads by name, on a sample of the proposals."""
        config = self.config
        chosen = [
            choose(p, t, config.classes, config.sampled_boxes, config.positive_boxes)
            for p, t in zip(proposals, truths, strict=True)
        ]
        vectors = self.vectors(maps, with_batch([c.boxes for c in chosen]))
        return {
            **self._box_losses(vectors, chosen, truths),
            **self._attribute_loss(vectors, chosen, truths),
            **self._feature_losses(maps, chosen, truths),
            **self._match_loss(maps, truths),
        }

    def _box_losses(self, vectors: Tensor, chosen: list[Chosen], truths: Sequence[Truth]) -> dict[str, Tensor]:
        logits, deltas = self.predictor(vectors)
        labels = torch.cat([c.labels for c in chosen])
        positive = torch.nonzero(labels < self.config.classes)[:, 0]
        deltas = deltas.unflatten(1, (-1, 4))[positive]
        rows = torch.arange(len(positive), device=labels.device)
        deltas = deltas[rows, 0 if self.config.agnostic_boxes else labels[positive]]
        boxes = torch.cat([c.boxes for c in chosen])[positive]
        wanted = torch.cat([t.boxes[c.rows[: c.positive]] for c, t in zip(chosen, truths, strict=True)])
        offsets = (deltas - encode(boxes, wanted, BOX_WEIGHTS)).abs().sum()
        return {"classes": nn.functional.cross_entropy(logits, labels), "boxes": offsets / max(len(labels), 1)}

    def _attribute_loss(self, vectors: Tensor, chosen: list[Chosen], truths: Sequence[Truth]) -> dict[str, Tensor]:
        if self.attributes is None:
            return {}
        labels = torch.cat([c.labels for c in chosen])
        wanted = torch.cat([t.attributes[c.rows[: c.positive]] for c, t in zip(chosen, truths, strict=True)])
        logits = self.attributes(vectors[labels < self.config.classes])
        if not len(logits):
            return {"attributes": logits.sum() * 0}
        return {"attributes": nn.functional.binary_cross_entropy_with_logits(logits, wanted)}

    def _feature_losses(
        self, maps: Sequence[Tensor], chosen: list[Chosen], truths: Sequence[Truth]
    ) -> dict[str, Tensor]:
        if self.mask is None and self.landmarks is None:
            return {}
        boxes, labels = [c.boxes[: c.positive] for c in chosen], torch.cat([c.labels[: c.positive] for c in chosen])
        features = self.features(maps, with_batch(boxes))
        rows = [c.rows[: c.positive] for c in chosen]
        result = {}
        if self.mask is not None:
            logits = self._mask_logits(features, labels)
            wanted = torch.cat(
                [mask_targets(t.masks, r, b, logits.shape[-1]) for t, r, b in zip(truths, rows, boxes, strict=True)]
            )
            loss = nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="sum")
            result["masks"] = loss / max(wanted.numel(), 1)
        if self.landmarks is not None:
            points = torch.cat([t.landmarks[r] for t, r in zip(truths, rows, strict=True)])
            counts = self.config.landmark_counts
            result["landmarks"] = landmark_loss(self.landmarks(features), points, labels, torch.cat(boxes), counts)
        return result

    def _match_loss(self, maps: Sequence[Tensor], truths: Sequence[Truth]) -> dict[str, Tensor]:
        if self.match is None:
            return {}
        features = self.features(maps, with_batch([t.boxes for t in truths]))
        products = torch.cat([t.products for t in truths])
        street = torch.cat([torch.full_like(t.products, int(t.street)) for t in truths]).bool()
        return {"match": match_loss(self.match, self.match.embed(features), products, street)}
