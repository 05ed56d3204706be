"""A trained Match R-CNN as the two ONNX files of a bundle, and the card's section about them.

The graphs have the interface of `training.detector.inference`, with a fourth map `p2`. They differ from the model in
what costs time alone: candidates are the best over all levels rather than of each, and each box comes once, refined
for its likeliest type, where the model has one for each class.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim
from torchvision.ops import nms

from matcher.errors import ConfigError
from matcher.taxonomy import TYPES
from training.card_sections import detector_section
from training.match_rcnn.attributes import ATTRIBUTES, Attributes, attributes_section
from training.match_rcnn.coder import BOX_WEIGHTS, PROPOSAL_WEIGHTS, clip, decode
from training.match_rcnn.config import ModelConfig
from training.match_rcnn.files import load_model
from training.match_rcnn.model import MatchRCNN
from training.onnx_files import export_module, precision
from training.onnx_parity import detector_parity

DETECTOR_FILE, MASK_FILE = "detector.onnx", "masks.onnx"
SHORT_SIDE, MAX_SIDE = 800, 1333
_SCORE = 0.5  # from which on a box is a garment
CANDIDATES = 1000  # anchors with the best scores that are compared; inputs of 64 x 64 pixels have as many
PROPOSALS = 300  # boxes that the box head looks at
BOXES = 60
_SAME_BOX = 0.8  # overlap above which the weaker of two refined boxes says nothing new
_LEVELS = ("p2", "p3", "p4", "p5")


class DetectGraph(nn.Module):
    """Picture to boxes, type probabilities and pyramid maps."""

    def __init__(self, model: MatchRCNN) -> None:
        """Take a model in evaluation mode whose classes are the types."""
        super().__init__()
        self.model, self.attributes = model, Attributes.of(model)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Detect in one picture.

        Args:
            image: (1, H, W, 3) uint8 BGR; H and W are multiples of 32, at least 64.

        Returns:
            boxes (P, 4) xyxy input pixels, scores (P, 11) probabilities of the types, the maps p2 to p5, and chances
            (P, A) of the attributes where the model has such.
        """
        height, width = image.shape[1], image.shape[2]
        maps = self.model.backbone(self.model.backbone.normalise(image))
        proposals = self._propose(maps, height, width)
        heads = self.model.heads
        rois = torch.cat([torch.zeros_like(proposals[:, :1]), proposals], 1)
        vectors = heads.vectors(maps, rois)
        logits, deltas = heads.predictor(vectors)
        scores = logits.softmax(1)[:, :-1]
        best, label = scores.max(1)
        boxes = clip(self._refined(proposals, deltas, label), height, width)
        kept = nms(boxes, best, _SAME_BOX)[:BOXES]
        found = boxes[kept], scores[kept], *maps[: len(_LEVELS)]
        return found if self.attributes is None else (*found, self.attributes(vectors[kept]))

    def _propose(self, maps: list[Tensor], height: int, width: int) -> Tensor:
        answers = self.model.rpn(maps)
        levels = torch.cat([torch.full_like(part[0], i) for i, part in enumerate(answers.logits)])
        logits, deltas = torch.cat(answers.logits, 1)[0], torch.cat(answers.deltas, 1)[0]
        scores, rows = logits.topk(CANDIDATES)
        boxes = clip(decode(torch.cat(answers.anchors)[rows], deltas[rows], PROPOSAL_WEIGHTS)[:, 0], height, width)
        # Boxes of different levels do not suppress one another: each level is moved to a place of its own.
        apart = boxes + levels[rows][:, None] * float(2 * MAX_SIDE)
        return boxes[nms(apart, scores, self.model.config.proposal_nms)[:PROPOSALS]]

    def _refined(self, proposals: Tensor, deltas: Tensor, label: Tensor) -> Tensor:
        boxes = decode(proposals, deltas, BOX_WEIGHTS)
        if self.model.config.agnostic_boxes:
            return boxes[:, 0]
        return boxes.gather(1, label[:, None, None].expand(-1, 1, 4))[:, 0]


class MaskGraph(nn.Module):
    """Masks of chosen boxes, from the pyramid maps of `DetectGraph`."""

    def __init__(self, model: MatchRCNN) -> None:
        """Take a model in evaluation mode whose classes are the types."""
        super().__init__()
        self.heads = model.heads

    def forward(self, p2: Tensor, p3: Tensor, p4: Tensor, p5: Tensor, boxes: Tensor, labels: Tensor) -> Tensor:
        """Masks of boxes.

        Args:
            p2, p3, p4, p5: pyramid maps (1, C, H / stride, W / stride).
            boxes: (N, 4) xyxy input pixels.
            labels: (N,) int64 type ids.

        Returns:
            (N, M, M) probabilities over each box.
        """
        rois = torch.cat([torch.zeros_like(boxes[:, :1]), boxes], 1)
        return self.heads.mask_probabilities(self.heads.features([p2, p3, p4, p5], rois), labels)


def export_model(model: MatchRCNN, out: Path, half: bool = True) -> dict[str, Any]:
    """Write `detector.onnx` and `masks.onnx`.

    Args:
        model: in evaluation mode.
        out: folder.
        half: store weights as float16.

    Returns:
        The section `models.detector` of a bundle's card.

    Raises:
        ConfigError: the model has no pyramid, no mask head, or classes that are not the types.
    """
    check_detector(model.config)
    graph, image = DetectGraph(model).eval(), torch.zeros(1, 256, 320, 3, dtype=torch.uint8)
    with torch.no_grad():
        _, _, *maps = graph(image)
    maps, names = maps[: len(_LEVELS)], ["boxes", "scores", *_LEVELS]
    names += [] if graph.attributes is None else [ATTRIBUTES]
    free = {"image": {1: Dim.DYNAMIC, 2: Dim.DYNAMIC}}
    export_module(graph, [image], out / DETECTOR_FILE, (["image"], names), free, half)
    free = {name: {2: Dim.DYNAMIC, 3: Dim.DYNAMIC} for name in _LEVELS}
    free |= {"boxes": {0: Dim.DYNAMIC}, "labels": {0: Dim.DYNAMIC}}
    boxes = torch.tensor([[10.0, 10, 60, 60], [10, 10, 150, 150], [10, 10, 250, 250], [0, 0, 319, 255]])
    inputs = [*maps, boxes, torch.tensor([0, 5, 10, 1])]
    export_module(MaskGraph(model).eval(), inputs, out / MASK_FILE, ([*free], ["masks"]), free, half)
    return section_of(model.config, {"file": DETECTOR_FILE, "mask_file": MASK_FILE})


def export_detector(checkpoint: Path, out: Path, half: bool = True) -> dict[str, Any]:
    """Export a checkpoint; see `export_model`, and for a file that cannot be read `load_model`.

    Raises:
        TrainingError: the files do not give what the network gives.
    """
    model = load_model(checkpoint)
    section = export_model(model, out, half)
    paths = out / DETECTOR_FILE, out / MASK_FILE
    difference = detector_parity(DetectGraph(model).eval(), MaskGraph(model).eval(), paths, _LEVELS)
    return section | {"onnx": {"precision": precision(half), "difference": difference}}


def check_detector(config: ModelConfig) -> None:
    """Refuse a detector that cannot stand in a bundle.

    Raises:
        ConfigError: it has no pyramid, no masks, or classes that are not the types.
    """
    if config.neck != "fpn" or not config.masks:
        raise ConfigError(f"only detectors with a pyramid and masks go into bundles, not {config.backbone}")
    if config.names != TYPES:
        raise ConfigError(
            f"this detector finds {', '.join(config.names)[:80]}; a bundle's finds types: train it with"
            ' data.labels = "types"'
        )


def section_of(config: ModelConfig, files: dict[str, str], more: dict[str, Any] | None = None) -> dict[str, Any]:
    """What a card says of a detector in these files; see `training.card_sections.detector_section`."""
    normalisation, masks = (config.mean, config.std), 2 * config.mask_cells
    more = {**(more or {}), **attributes_section(config)}
    return detector_section(files, (SHORT_SIDE, MAX_SIDE), normalisation, masks, _SCORE, config.nms_iou, more)
