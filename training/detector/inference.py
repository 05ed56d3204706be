"""The detector as it runs in a bundle: two graphs with fixed interfaces, the same in torch and in ONNX."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torchvision.ops import nms

from training.detector.heads import BOX_CODER
from training.detector.model import MatchRCNN
from training.detector.pyramid import STRIDES

# Proposals with the best scores over all levels that enter the non-maximum suppression.
CANDIDATES = 300
# Largest growth of a box by one refinement, as torchvision's coder has it.
_MAX_GROWTH = math.log(1000.0 / 16)


def decode(boxes: Tensor, deltas: Tensor, weights: tuple[float, float, float, float]) -> Tensor:
    """Refine boxes by predicted offsets (Girshick et al., 2014, appendix C).

    Args:
        boxes: (N, 4) xyxy.
        deltas: (N, 4) offsets of centre and log size.
        weights: what the coder multiplied the offsets by.

    Returns:
        (N, 4) xyxy.
    """
    size = boxes[:, 2:] - boxes[:, :2]
    centre = boxes[:, :2] + 0.5 * size
    shift = deltas[:, :2] / torch.tensor(weights[:2], device=boxes.device)
    growth = deltas[:, 2:] / torch.tensor(weights[2:], device=boxes.device)
    centre = centre + shift * size
    half = 0.5 * size * torch.exp(growth.clamp(max=_MAX_GROWTH))
    return torch.cat([centre - half, centre + half], 1)


def clip_to(boxes: Tensor, height: int, width: int) -> Tensor:
    """Clip xyxy boxes (N, 4) to a picture."""
    x, y = boxes[:, 0::2].clamp(0, width), boxes[:, 1::2].clamp(0, height)
    return torch.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], 1)


class DetectGraph(nn.Module):
    """Picture to boxes, type probabilities and pyramid maps."""

    def __init__(self, model: MatchRCNN) -> None:
        """Take the parts of a trained detector."""
        super().__init__()
        self.model = model
        self.proposals = model.config.proposals
        self.proposal_nms = model.config.proposal_nms
        cells = model.rpn.anchor_generator.cell_anchors
        for i, cell in enumerate(cells):
            self.register_buffer(f"cell{i}", cell.float(), persistent=False)

    def anchors(self, level: int, rows: int, columns: int) -> Tensor:
        """Anchors (rows * columns * A, 4) of a level, in the order of torchvision's generator."""
        cell = getattr(self, f"cell{level}")
        y = torch.arange(rows, device=cell.device, dtype=torch.float32) * STRIDES[level]
        x = torch.arange(columns, device=cell.device, dtype=torch.float32) * STRIDES[level]
        y, x = y[:, None].expand(rows, columns), x[None].expand(rows, columns)
        return (torch.stack([x, y, x, y], -1)[:, :, None] + cell).reshape(-1, 4)

    def propose(self, levels: list[Tensor], height: int, width: int) -> Tensor:
        """The best proposals (P, 4), P <= `proposals`, from pyramid maps of one picture."""
        scores, deltas = self.model.rpn.head(levels)
        flat_scores = torch.cat([s.permute(0, 2, 3, 1).reshape(-1) for s in scores])
        flat_deltas = torch.cat([self._offsets(d) for d in deltas])
        anchors = torch.cat([self.anchors(i, s.shape[2], s.shape[3]) for i, s in enumerate(scores)])
        best, chosen = flat_scores.topk(CANDIDATES)
        boxes = clip_to(decode(anchors[chosen], flat_deltas[chosen], (1.0, 1.0, 1.0, 1.0)), height, width)
        return boxes[nms(boxes, best, self.proposal_nms)[: self.proposals]]

    @staticmethod
    def _offsets(deltas: Tensor) -> Tensor:
        _, channels, rows, columns = deltas.shape
        return deltas.view(channels // 4, 4, rows, columns).permute(2, 3, 0, 1).reshape(-1, 4)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Detect in one picture.

        Args:
            image: (1, H, W, 3) uint8 BGR; H and W are multiples of 32 and the larger is at least 64.

        Returns:
            boxes (P, 4) xyxy input pixels, scores (P, 11) probabilities of the types, and the maps p3, p4, p5.
        """
        height, width = image.shape[1], image.shape[2]
        p3, p4, p5 = self.model.levels(image)
        proposals = self.propose([p3, p4, p5], height, width)
        rois = torch.cat([torch.zeros_like(proposals[:, :1]), proposals], 1)
        heads = self.model.roi_heads
        features = heads.box_head(heads.box_roi_pool.pool([p3, p4, p5], rois))
        scores = heads.box_predictor.score(features).softmax(1)[:, 1:]
        boxes = decode(proposals, heads.box_predictor.refine(features), BOX_CODER)
        return clip_to(boxes, height, width), scores, p3, p4, p5


class MaskGraph(nn.Module):
    """Masks of chosen boxes, from the pyramid maps of `DetectGraph`."""

    def __init__(self, model: MatchRCNN) -> None:
        """Take the parts of a trained detector."""
        super().__init__()
        self.heads = model.roi_heads

    def forward(self, p3: Tensor, p4: Tensor, p5: Tensor, boxes: Tensor, labels: Tensor) -> Tensor:
        """Masks of boxes.

        Args:
            p3, p4, p5: pyramid maps (1, C, H / stride, W / stride).
            boxes: (N, 4) xyxy input pixels.
            labels: (N,) int64 type ids, 0..10.

        Returns:
            (N, 28, 28) probabilities over each box.
        """
        rois = torch.cat([torch.zeros_like(boxes[:, :1]), boxes], 1)
        logits = self.heads.mask_predictor(self.heads.mask_roi_pool.pool([p3, p4, p5], rois))
        size = logits.shape[-1]
        chosen = (labels + 1)[:, None, None, None].expand(-1, 1, size, size)
        return logits.gather(1, chosen)[:, 0].sigmoid()
