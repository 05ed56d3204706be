"""Accuracy of a bundle on the photos and clips that are set apart for validation, in one table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2

from benchmarks.datasets import TruthClip, data_folder, street_validation, truth_clips
from indexer.cli import index
from matcher.bundle import Bundle
from matcher.stages.detect import Detector
from matcher.stages.models import Runtime
from matcher.video.image import read_image
from training.evaluation.coco_eval import evaluate_detector
from training.evaluation.output import progress
from training.evaluation.type_views import type_view
from training.evaluation.types_eval import evaluate_types
from training.evaluation.video_eval import evaluate_video, open_pipeline
from training.evaluation.video_truth import load_truth

MIN_SCORE = 0.01
STREET_TYPES = ("footwear", "pants", "leggings", "tops", "dresses", "skirts")
MARGIN = 0.05  # of a crop, on every side


def accuracy(folder: Path, name: str | None = None, threads: int = 2, clips: bool = True) -> dict[str, Any]:
    """Measure a bundle on everything that was kept out of its training.

    Args:
        folder: for what is made on the way (the validation file, crops, a catalogue).
        name: the bundle, a folder or a packaged name; the packaged tiny one when None.
        threads: of each model.
        clips: whether to run the pipeline over the real clips too, which takes minutes.

    Returns:
        {"street", "frames": {clip: ...}: as `asworn eval detector`; "packshots", "types_clothing", "types_street": as
        `asworn eval types`; "clips": {clip: as `asworn eval video`}}.

    Raises:
        InputError: there is no data.
    """
    data, bundle, runtime = data_folder(), Bundle.open(name), Runtime(threads=threads)
    detector = Detector(bundle, runtime=runtime)
    truth = street_validation(data, folder / "street.json")
    shop = data / "clothing" / "validation"
    crops = street_crops(data / "ccp" / "photos", truth, folder / "crops")
    result: dict[str, Any] = {
        "street": evaluate_detector(detector, data / "ccp" / "photos", truth, MIN_SCORE, progress),
        "frames": {
            clip.name: evaluate_detector(detector, clip.frames, clip.annotations, MIN_SCORE, progress)
            for clip in truth_clips(data)
        },
        "packshots": evaluate_types(type_view("pipeline", bundle, runtime), shop, progress),
        "types_clothing": evaluate_types(type_view("whole", bundle, runtime), shop, progress),
        "types_street": evaluate_types(type_view("whole", bundle, runtime), crops, progress),
    }
    if clips:
        index(data / "videos" / "truth" / "products.csv", out=folder / "catalog", bundle=name)
        result["clips"] = {clip.name: _clip(clip, folder / "catalog", name, threads) for clip in truth_clips(data)}
    return result


def rows(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The figures of `accuracy` as lines for a table: what, and the figures in per cent."""
    street = result["street"]
    lines = [
        (f"boxes, {street['photos']} street photos", _ap(street["box"])),
        (f"masks, {street['photos']} street photos", _ap(street["mask"])),
        *((f"boxes, frames of {name}", _ap(r["box"])) for name, r in result["frames"].items()),
    ]
    for key, text in (
        ("packshots", "detector and classifier, photos of one garment"),
        ("types_clothing", "classifier, photos of one garment"),
        ("types_street", "classifier, crops of street photos, 5 types"),
    ):
        r = result[key]
        lines.append((f"{text} ({r['photos']})", f"top-1 {100 * r['top1']:.1f}, top-2 {100 * r['top2']:.1f}"))
    for name, r in result.get("clips", {}).items():
        known = (key for key in ("top1", "precision", "recall") if r[key] is not None)
        figures = ", ".join(f"{key} {100 * r[key]:.0f}" for key in known)
        lines.append((f"products of {name} ({r['products']})", figures))
    return lines


def street_crops(photos: Path, annotations: Path, out: Path) -> Path:
    """Cut the garments of five kinds out of street photos, a folder for each type (leggings among the pants).

    Args:
        photos: folder of the photos.
        annotations: their COCO file.
        out: folder to fill.
    """
    table = json.loads(annotations.read_text(encoding="utf-8"))
    names = {category["id"]: category["name"] for category in table["categories"]}
    files = {image["id"]: image["file_name"] for image in table["images"]}
    for garment in table["annotations"]:
        kind = names[garment["category_id"]]
        if kind in STREET_TYPES:
            target = out / ("pants" if kind == "leggings" else kind)
            target.mkdir(parents=True, exist_ok=True)
            crop = _crop(photos / files[garment["image_id"]], garment["bbox"])
            cv2.imwrite(str(target / f"{garment['id']}.png"), crop)
    return out


def _crop(photo: Path, box: list[float]) -> Any:
    image = read_image(photo)
    x, y, w, h = box
    pad = MARGIN * max(w, h)
    return image[max(int(y - pad), 0) : int(y + h + pad) + 1, max(int(x - pad), 0) : int(x + w + pad) + 1]


def _clip(clip: TruthClip, catalog: Path, bundle: str | None, threads: int) -> dict[str, Any]:
    pipeline, shop = open_pipeline(catalog, None, bundle, threads)
    return evaluate_video(pipeline, shop.product, clip.video, load_truth(clip.truth), False, progress)


def _ap(figures: dict[str, float]) -> str:
    return f"AP {100 * figures['AP']:.1f}, AP50 {100 * figures['AP50']:.1f}"
