"""From a checkpoint to the bundle's two detector files and the card's section about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim

from training.card_sections import detector_section
from training.checkpoint import load_checkpoint
from training.detector.config import ModelConfig
from training.detector.inference import DetectGraph, MaskGraph
from training.detector.model import MEAN, STD, MatchRCNN
from training.onnx_files import export_module, precision
from training.onnx_parity import detector_parity
from training.settings import from_table

LEVELS = ("p3", "p4", "p5")
DETECTOR_FILE = "detector.onnx"
MASK_FILE = "masks.onnx"
SHORT_SIDE = 352
MAX_SIDE = 640
SCORE_THRESHOLD = 0.3
START_SCORE = 0.45  # from which on a box starts a track
SHOP_SIDE = 256  # short side of a shop's pictures, of which one garment fills most
NMS_IOU = 0.45


def load_model(checkpoint: Path) -> MatchRCNN:
    """The averaged weights of a checkpoint, ready for inference."""
    state = load_checkpoint(checkpoint)
    model = MatchRCNN(from_table(ModelConfig, state["config"]["model"], str(checkpoint)))
    model.load_state_dict(state["average"], strict=True)
    return model.eval()


def export_model(model: MatchRCNN, out: Path, half: bool = True) -> None:
    """Write `detector.onnx` and `masks.onnx` of a model in evaluation mode to the folder `out`."""
    graph = DetectGraph(model).eval()
    image = torch.zeros(1, 352, 640, 3, dtype=torch.uint8)
    with torch.no_grad():
        *_, p3, p4, p5 = graph(image)
    names = (["image"], ["boxes", "scores", "p3", "p4", "p5"])
    export_module(graph, [image], out / DETECTOR_FILE, names, {"image": {1: Dim.DYNAMIC, 2: Dim.DYNAMIC}}, half)
    _export_masks(model, [p3, p4, p5], out, half)


def _export_masks(model: MatchRCNN, levels: list[Tensor], out: Path, half: bool) -> None:
    boxes = torch.tensor([[10.0, 10, 60, 60], [10, 10, 150, 150], [10, 10, 300, 300]])
    names = (["p3", "p4", "p5", "boxes", "labels"], ["masks"])
    dynamic: dict[str, Any] = {name: {2: Dim.DYNAMIC, 3: Dim.DYNAMIC} for name in ("p3", "p4", "p5")}
    dynamic |= {"boxes": {0: Dim.DYNAMIC}, "labels": {0: Dim.DYNAMIC}}
    inputs = [*levels, boxes, torch.tensor([0, 5, 10])]
    export_module(MaskGraph(model).eval(), inputs, out / MASK_FILE, names, dynamic, half)


def export_detector(checkpoint: Path, out: Path, half: bool = True) -> dict[str, Any]:
    """Export a checkpoint.

    Args:
        checkpoint: file written by `training.detector.train.train`.
        out: folder for `detector.onnx` and `masks.onnx`.
        half: store large weights as float16.

    Returns:
        The section `models.detector` of a bundle's card; `measured` is left to the evaluation.

    Raises:
        ConfigError: the checkpoint cannot be read.
        TrainingError: the files do not give what the network gives.
    """
    model = load_model(checkpoint)
    export_model(model, out, half)
    paths = out / DETECTOR_FILE, out / MASK_FILE
    difference = detector_parity(DetectGraph(model).eval(), MaskGraph(model).eval(), paths, LEVELS)
    files = {"file": DETECTOR_FILE, "mask_file": MASK_FILE}
    sides, more = (SHORT_SIDE, MAX_SIDE), {"start_score": START_SCORE, "shop_side": SHOP_SIDE}
    more["onnx"] = {"precision": precision(half), "difference": difference}
    return detector_section(files, sides, (MEAN, STD), 28, SCORE_THRESHOLD, NMS_IOU, more)
