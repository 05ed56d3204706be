"""What an exported detector is worth: average precision on kept-back photos and film frames, packshots found."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from matcher.bundle import Bundle
from matcher.stages.detect import Detector
from matcher.stages.models import Runtime
from matcher.types import Garments
from matcher.video.image import read_image
from training.data.ccp import is_validation
from training.evaluation.coco_eval import Candidates, evaluate_detector, score
from training.evaluation.coco_truth import CocoTruth, load_coco
from training.evaluation.output import silent
from training.evaluation.types_eval import list_pictures

CLIPS = ("juggle", "onebyone")
_LEAST = 0.02  # candidates below this add nothing to the area under the curve


def measure_detector(bundle: Bundle, root: Path, threads: int = 0) -> dict[str, Any]:
    """Measure the detector of a bundle on the validation data.

    Args:
        bundle: has a detector.
        root: folder with `ccp`, `clothing` and `videos`.
        threads: of onnxruntime; 0 for all cores.

    Returns:
        {"photos": result of `score`, "frames": {clip: result of `score`}, "packshots": {"photos", "found",
        "right_type"}}, fractions of 1.
    """
    detector = Detector(bundle, runtime=Runtime(threads=threads))
    return {
        "photos": measure_photos(detector, root / "ccp"),
        "frames": measure_frames(detector, root / "videos" / "truth"),
        "packshots": measure_packshots(detector, root / "clothing" / "validation"),
    }


def measure_frames(detector: Detector, truth: Path) -> dict[str, Any]:
    """The result of `score` for the truth frames of each clip, by the clip's name."""
    return {
        clip: evaluate_detector(detector, truth / "frames", truth / f"{clip}.json", _LEAST, silent) for clip in CLIPS
    }


def measure_photos(detector: Candidates, root: Path) -> dict[str, Any]:
    """Average precision of boxes and masks on the street photos of the validation split."""
    truth = validation_truth(load_coco(root / "instances.json"))
    found: dict[Any, Garments] = {
        image["id"]: detector.candidates(read_image(root / "photos" / image["file_name"]), _LEAST)
        for image in truth.images
    }
    return score(truth, found)


def validation_truth(truth: CocoTruth) -> CocoTruth:
    """The part of the street photos that is never trained on."""
    images = [image for image in truth.images if is_validation(image["id"])]
    annotations = [a for a in truth.annotations if is_validation(a["image_id"])]
    return dataclasses.replace(truth, images=images, annotations=annotations)


def measure_packshots(detector: Detector, root: Path) -> dict[str, Any]:
    """Share of single-garment photos in which a garment is found, and in which the best one has the right type.

    Args:
        detector: at its own score threshold.
        root: a folder for each type.
    """
    pictures = list_pictures(root)
    best = [(detector(read_image(path)), type_id) for path, type_id in pictures]
    found = sum(len(garments) > 0 for garments, _ in best)
    right = sum(len(garments) > 0 and int(garments.type_id[0]) == type_id for garments, type_id in best)
    return {"photos": len(pictures), "found": found / len(pictures), "right_type": right / len(pictures)}
