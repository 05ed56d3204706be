"""Match R-CNN as one function of fixed shapes, from pictures to boxes, types and masks, for several pictures at once.

It finds what `training.match_rcnn.export.DetectGraph` finds: candidates are the best over all levels, each box comes
once, refined for its likeliest type; see there. Its masks are of that type, for all boxes at once.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from training.match_rcnn.attributes import ATTRIBUTES, Attributes
from training.match_rcnn.coder import BOX_WEIGHTS, PROPOSAL_WEIGHTS, clip, decode
from training.match_rcnn.export import BOXES, CANDIDATES, MAX_SIDE, PROPOSALS
from training.match_rcnn.model import MatchRCNN
from training.programs.fixed import first, pool, survivors, take, with_picture
from training.programs.fold import fold_norms

_SAME_BOX = 0.8  # as in DetectGraph
OUTPUTS = ("boxes", "scores", "masks")


class DetectProgram(nn.Module):
    """Pictures to boxes, type probabilities and masks."""

    def __init__(self, model: MatchRCNN, precision: torch.dtype = torch.float32) -> None:
        """Take a copy of a model in evaluation mode, with a pyramid, whose classes are the types.

        Args:
            model: stays as it is.
            precision: of convolutions and linear layers; boxes and probabilities are float32 whatever it is.
        """
        super().__init__()
        self.model, self.precision = copy.deepcopy(model).eval().requires_grad_(False), precision
        fold_norms(self.model)
        heads, rpn, backbone = self.model.heads, self.model.rpn, self.model.backbone
        for part in (backbone.trunk, backbone.pyramid, rpn.conv, rpn.objectness, rpn.deltas):
            part.to(precision)
        self.attributes = Attributes.of(self.model)
        for part in (heads.box, heads.predictor, heads.mask, *([] if self.attributes is None else [self.attributes])):
            part.to(precision)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what `forward` returns."""
        return OUTPUTS if self.attributes is None else (*OUTPUTS, ATTRIBUTES)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Detect.

        Args:
            image: (N, H, W, 3) uint8 BGR; H and W are multiples of 32, at least 64.

        Returns:
            boxes (N, 60, 4) float32 xyxy input pixels, best first; scores (N, 60, T) float32 probabilities of the
            types, all 0 in rows that hold nothing; masks (N, 60, M, M) uint8, 255 = surely the garment; and chances
            (N, 60, A) float32 of the attributes where the model has such.
        """
        height, width = image.shape[1], image.shape[2]
        maps = self._maps(image)
        proposals, real = self._propose(maps, height, width)
        boxes, scores, *attributes = self._classify(maps, proposals, real, height, width)
        return boxes, scores, self._masks(maps, boxes, scores), *attributes

    def _maps(self, image: Tensor) -> list[Tensor]:
        backbone = self.model.backbone
        # No copy into planes: the pixels lie channels-last, which is what fast convolutions want.
        x = (image.permute(0, 3, 1, 2).float() - backbone.mean) / backbone.std
        return backbone((x.flip(1) if backbone.rgb else x).to(self.precision))

    def _propose(self, maps: list[Tensor], height: int, width: int) -> tuple[Tensor, Tensor]:
        """Proposals (N, P, 4), and which of them are some (N, P) bool."""
        answers = self.model.rpn(maps)
        levels = torch.cat([torch.full_like(part[0], i) for i, part in enumerate(answers.logits)]).float()
        _, rows = torch.cat(answers.logits, 1).float().topk(CANDIDATES, 1)
        deltas = take(torch.cat(answers.deltas, 1).float(), rows)
        anchors = torch.cat(answers.anchors)[rows]
        boxes = decode(anchors.flatten(0, 1), deltas.flatten(0, 1), PROPOSAL_WEIGHTS)[:, 0]
        boxes = clip(boxes.unflatten(0, (-1, CANDIDATES)), height, width)
        # Boxes of different levels do not suppress one another: each level is moved to a place of its own.
        apart = boxes + levels[rows][..., None] * float(2 * MAX_SIDE)
        kept, real = first(survivors(apart, self.model.config.proposal_nms), PROPOSALS)
        return take(boxes, kept), real

    def _classify(
        self, maps: list[Tensor], proposals: Tensor, real: Tensor, height: int, width: int
    ) -> tuple[Tensor, ...]:
        """Boxes (N, 60, 4), their scores (N, 60, T), and chances of their attributes (N, 60, A) if there are such."""
        heads = self.model.heads
        vectors = heads.box(self._pooled(maps, proposals, self.model.config.box_cells))
        logits, deltas = heads.predictor(vectors)
        scores = (logits.float().softmax(1)[:, :-1]).unflatten(0, (-1, PROPOSALS))
        scores = scores * real[..., None]
        best, label = scores.max(2)
        refined = decode(proposals.flatten(0, 1), deltas, BOX_WEIGHTS)
        chosen = torch.zeros_like(label) if self.model.config.agnostic_boxes else label
        refined = refined.gather(1, chosen.flatten()[:, None, None].expand(-1, 1, 4))[:, 0]
        boxes = clip(refined.unflatten(0, (-1, PROPOSALS)), height, width)
        _, order = best.topk(PROPOSALS, 1)
        boxes, scores = take(boxes, order), take(scores, order)
        kept, kept_real = first(survivors(boxes, _SAME_BOX), BOXES)
        found = take(boxes, kept), take(scores, kept) * kept_real[..., None]
        if self.attributes is None:
            return found
        vectors = take(take(vectors.unflatten(0, (-1, PROPOSALS)), order), kept)
        return *found, self.attributes(vectors)

    def _masks(self, maps: list[Tensor], boxes: Tensor, scores: Tensor) -> Tensor:
        heads, config = self.model.heads, self.model.config
        logits = heads.mask(self._pooled(maps, boxes, config.mask_cells)).float()
        size = logits.shape[-1]
        label = torch.zeros_like(scores[..., 0], dtype=torch.int64) if config.agnostic_masks else scores.argmax(2)
        chosen = logits.gather(1, label.flatten()[:, None, None, None].expand(-1, 1, size, size))[:, 0]
        return (chosen.sigmoid() * 255 + 0.5).to(torch.uint8).unflatten(0, (-1, BOXES))

    def _pooled(self, maps: list[Tensor], boxes: Tensor, cells: int) -> Tensor:
        heads = self.model.heads
        count = len(heads.strides)
        pooled = pool(maps[:count], heads.strides, with_picture(boxes), cells, self.model.config.sampling)
        return pooled.to(self.precision)
