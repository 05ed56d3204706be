"""Match R-CNN on each backbone, trained alike for a short while: average precision, and time for a frame."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.comparison import COUNT, NUMBER, SHARE, TEXT, Column, Comparison
from benchmarks.recipes import Budget
from benchmarks.timing import alternate
from matcher.bundle import Bundle
from matcher.files import write_whole
from matcher.stages.detect import Detector
from matcher.stages.models import Runtime
from training.data.ccp import is_validation
from training.detector.measure import measure_photos
from training.evaluation.coco_eval import Candidates
from training.evaluation.output import Progress, silent
from training.journal import last_loss, spent
from training.match_rcnn.candidates import CheckpointDetector
from training.match_rcnn.config import CAFFE_MEAN, IMAGENET_STD, MOBILENET, ModelConfig
from training.match_rcnn.data import ExamplesConfig
from training.match_rcnn.files import load_model
from training.match_rcnn.train import MatchRCNNConfig, ScheduleConfig, train

IMAGENET, RANDOM = "ImageNet", "random"
# Backbone and what its trunk starts from.
ENTRANTS = (
    ("r50_fpn", RANDOM),
    ("r101_fpn", RANDOM),
    ("x101_fpn", RANDOM),
    ("r50_c4", RANDOM),
    ("r50_dc5", RANDOM),
    (f"{MOBILENET}_fpn", RANDOM),
    (f"{MOBILENET}_fpn", IMAGENET),
)
_RATE = 0.01
_SAMPLED = 64  # boxes of a picture that the losses see; Detectron2's 512 are for pictures six times as large
_FRAMES, _FRAME = 3, (720, 1280)
_COLUMNS = (
    Column("name", "backbone", TEXT),
    Column("start", "trunk starts from", TEXT),
    Column("parameters", "parameters", COUNT),
    Column("loss", "loss at the end", NUMBER),
    Column("box_ap", "box AP", SHARE),
    Column("box_ap50", "box AP50", SHARE),
    Column("mask_ap50", "mask AP50", SHARE),
    Column("frame_ms", "ms for a frame", COUNT),
)


def backbones(
    data: Path,
    cache: Path,
    out: Path,
    budget: Budget,
    side: int,
    weights: Path,
    bundle: Bundle | None = None,
    entrants: Sequence[tuple[str, str]] = ENTRANTS,
    progress: Progress = silent,
) -> Comparison:
    """Train and measure.

    Args:
        data: folder with the street photos in `ccp`.
        cache: folder for the training photos' list and index.
        out: folder of the run folders; finished runs there are only measured.
        budget: of each training.
        side: short side in pixels that pictures are brought to.
        weights: MobileNetV2's ImageNet weights.
        bundle: its detector is measured too, without training.
        entrants: backbone and start, one of `IMAGENET` and `RANDOM`.
        progress: wraps them.

    Raises:
        ConfigError: data or weights are missing.
        TrainingError: a loss became non-finite.
    """
    examples = ExamplesConfig("coco", _training_part(data, cache), cache, short_sides=(side,), max_side=2 * side)
    torch.set_num_threads(budget.threads)
    rows, detectors = [], []
    for backbone, start in progress(list(entrants), "backbones"):
        config = budgeted(backbone, start == IMAGENET, examples, budget, weights)
        place = out / f"{backbone}-{start}"
        detectors.append(_trained(config, place, side))
        rows.append({"name": backbone, "start": start, **_measured(detectors[-1], data, place)})
    if bundle is not None:
        detectors.append(Detector(bundle, runtime=Runtime(threads=budget.threads)))
        shipped = {"name": f"ours, as shipped in {bundle.name}, ONNX Runtime", "start": IMAGENET}
        rows.append({**shipped, **_precision(detectors[-1], data)})
    times = _frame_ms(detectors)
    rows = [{**row, "frame_ms": one} for row, one in zip(rows, times, strict=True)]
    return Comparison("Backbones of Match R-CNN", _text(data, budget, side), _COLUMNS, rows)


def _training_part(data: Path, cache: Path) -> Path:
    """A COCO set of the street photos that are not kept for validation; the photos stay where they are."""
    whole = json.loads((data / "ccp" / "instances.json").read_text(encoding="utf-8"))
    images = [image for image in whole["images"] if not is_validation(image["id"])]
    rows = [row for row in whole["annotations"] if not is_validation(row["image_id"])]
    folder = cache / "street-training"
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "train.json", json.dumps({**whole, "images": images, "annotations": rows}))
    photos = folder / "photos"
    photos.unlink(missing_ok=True)
    photos.symlink_to((data / "ccp" / "photos").resolve())
    return folder


def budgeted(backbone: str, imagenet: bool, examples: ExamplesConfig, budget: Budget, weights: Path) -> MatchRCNNConfig:
    """The recipe of one entrant: all layers learn, Detectron2's schedule in short."""
    model = ModelConfig(backbone=backbone, frozen_stages=0, sampled_boxes=_SAMPLED)
    if backbone.startswith(MOBILENET):
        model = replace(model, mean=CAFFE_MEAN, std=IMAGENET_STD, rgb=True)
    steps = budget.steps
    loop = replace(
        budget.loop(ScheduleConfig()),
        rate=_RATE,
        trunk_rate=_RATE,
        milestones=(max(steps * 3 // 4, 1), max(steps * 9 // 10, 1)),
    )
    start = str(weights) if imagenet else ""
    return MatchRCNNConfig(start=start, batch=budget.batch, model=model, data=examples, loop=loop)


def _trained(config: MatchRCNNConfig, out: Path, side: int) -> CheckpointDetector:
    return CheckpointDetector(load_model(train(config, out)), side, 2 * side)


def _measured(detector: CheckpointDetector, data: Path, out: Path) -> dict[str, Any]:
    """A row but for the time, kept in the run folder: it takes minutes, and a run cut off goes on after it."""
    kept, mark = out / "measured.json", (out / "last.pt").stat().st_mtime_ns
    row = _read(kept)
    if row.pop("checkpoint", None) == mark:
        return row
    row = {"parameters": detector.parameters, "seconds": spent(out), "loss": last_loss(out)}
    row |= _precision(detector, data)
    write_whole(kept, json.dumps({"checkpoint": mark, **row}))
    return row


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _precision(detector: Candidates, data: Path) -> dict[str, Any]:
    found = measure_photos(detector, data / "ccp")
    mask = found["mask"] or {}
    return {"box_ap": found["box"]["AP"], "box_ap50": found["box"]["AP50"], "mask_ap50": mask.get("AP50")}


def _frame_ms(detectors: Sequence[Candidates]) -> list[int]:
    """Medians over frames of noise, of which no box survives: the networks' own time. They take turns."""
    rng = np.random.default_rng(1)
    frames = [rng.integers(0, 256, (*_FRAME, 3), np.uint8) for _ in range(_FRAMES)]
    asks = {str(n): (lambda i, one=one: one.candidates(frames[i], 0.5)) for n, one in enumerate(detectors)}
    return [round(float(np.median(times))) for times in alternate(asks, _FRAMES, warm_up=1).values()]


def _text(data: Path, budget: Budget, side: int) -> str:
    count = sum(is_validation(int(path.stem)) for path in (data / "ccp" / "photos").iterdir())
    return (
        f"{budget.steps} steps of {budget.batch} street photos with the short side at {side} pixels, measured on "
        f"{count} photos kept out of training. Where no weights are at hand a trunk starts from random weights, with "
        "its normalisations measured on the first batch; published results start from ImageNet or COCO. With such a "
        "budget that decides everything, so that the table compares cost, and shows what a start is worth, but not "
        "which backbone is better. A frame is 1280x720, brought to the size of the training, in torch on the CPU. The "
        "shipped detector is a smaller network that was trained for far longer; it sees more pixels."
    )
