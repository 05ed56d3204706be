"""What runs the bundle's networks fastest on a CPU, and what of accuracy that costs: floats, int8, OpenVINO."""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets import data_folder, street_validation
from benchmarks.openvino_session import PRECISIONS, OpenVinoRuntime, is_there
from benchmarks.timing import alternate, quantiles
from matcher.boxes import crop_square, fit, mask_on_crop
from matcher.bundle import Bundle
from matcher.runtime.session import Session
from matcher.stages.detect import Detector
from matcher.stages.models import Runtime
from matcher.taxonomy import TYPE_IDS
from matcher.types import Garments
from matcher.video.image import read_image
from training.evaluation.coco_eval import evaluate_detector
from training.evaluation.output import silent
from training.int8.bundle import FILES, Feed, quantised

BASE = "ONNX Runtime fp32"
GARMENTS = 3
_CALIBRATION = 2  # photos whose id ends in this digit; those that end in 1 are for validation


@dataclass(frozen=True)
class Variant:
    """A bundle and what runs it."""

    name: str
    bundle: Bundle
    runtime: Runtime


@dataclass(frozen=True)
class Shot:
    """A photo (H, W, 3) uint8 BGR and its garments' boxes (N, 4) xyxy and type ids (N,), made by hand."""

    image: NDArray[np.uint8]
    xyxy: NDArray[np.float32]
    labels: NDArray[np.int64]


def runtimes(bundle: Bundle, threads: int, rounds: int, photos: int, calibration: int) -> dict[str, Any]:
    """Compare them, in turn, in one run.

    Args:
        bundle: the weights.
        threads: of each network.
        rounds: how often each network is timed, on 1280x720 and three garments.
        photos: of the validation part, for accuracy.
        calibration: photos of the training part that the ranges of int8 are read from.

    Returns:
        {"variants": {name: {"ms": {network: {p50, p95, p99}}, "ratio": {network: speed against `BASE`}, "ratio_cpu",
        "box", "mask": {AP, AP50, AP75}, "same_type": share of crops with the same first type, "cosine": {mean, min} of
        embeddings to those of `BASE`, "finite": share of embeddings that are numbers, the others are left out}},
        "left_out": {name: reason}, ...}.

    Raises:
        InputError: there are no photos.
        BackendError: something for the quantisation is not installed.
    """
    data = data_folder()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        shots = street_shots(data, _CALIBRATION, calibration)
        small = quantised(bundle, _feeds(bundle, shots, threads), work / "int8")
        chosen, left_out = variants(bundle, small, threads)
        checked = street_shots(data, 1, photos)
        speed = _speed(chosen, _frame(checked[0]), rounds, bundle)
        truth = _first(street_validation(data, work / "truth.json"), photos)
        result = {one.name: speed[one.name] | _accuracy(one, data, truth) for one in chosen}
        base = _described(chosen[0], checked)
        for one in chosen:
            result[one.name] |= _nearness(base, _described(one, checked))
    return {"threads": threads, "rounds": rounds, "photos": photos, "variants": result, "left_out": left_out}


def variants(bundle: Bundle, small: Bundle, threads: int) -> tuple[list[Variant], dict[str, str]]:
    """What can be compared here, and what not, with the reason."""
    plain = Runtime(threads=threads)
    chosen = [Variant(BASE, bundle, plain), Variant("ONNX Runtime int8", small, plain)]
    if not is_there():
        return chosen, {"OpenVINO": "not installed: pip install openvino"}
    left_out = {}
    for precision in PRECISIONS:
        runtime = OpenVinoRuntime(threads=threads, precision=precision)
        if runtime.can():
            chosen.append(Variant(f"OpenVINO {precision}", bundle, runtime))
        else:
            left_out[f"OpenVINO {precision}"] = "this processor has no instructions for it"
    chosen.append(Variant("OpenVINO int8", small, OpenVinoRuntime(threads=threads)))
    return chosen, left_out


def street_shots(data: Path, digit: int, count: int) -> list[Shot]:
    """The first street photos whose id ends in a digit."""
    table = json.loads((data / "ccp" / "instances.json").read_text(encoding="utf-8"))
    names = {one["id"]: TYPE_IDS[one["name"]] for one in table["categories"]}
    chosen = [image for image in table["images"] if image["id"] % 10 == digit][:count]
    shots = []
    for image in chosen:
        own = [one for one in table["annotations"] if one["image_id"] == image["id"]]
        boxes = np.array([one["bbox"] for one in own], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        labels = np.array([names[one["category_id"]] for one in own], np.int64)
        shots.append(Shot(read_image(data / "ccp" / "photos" / image["file_name"]), boxes, labels))
    return [shot for shot in shots if len(shot.labels)]


def inputs_of(bundle: Bundle, detector: Session, shot: Shot) -> dict[str, Feed]:
    """What each network of `FILES` is given for a photo and its garments."""
    card = bundle.model("detector")["input"]
    canvas, scale = fit(shot.image, card["short_side"], card["max_side"], card.get("stride", 32))
    found = detector.run(image=canvas[None])
    pyramid = {name: found[name] for name in ("p3", "p4", "p5")}
    boxes = shot.xyxy * np.array(scale * 2, np.float32)
    crops = {}
    for name in ("classifier", "embedder"):
        size, margin = (bundle.model(name)["input"][key] for key in ("size", "margin"))
        crops[name] = np.stack([crop_square(shot.image, box, size, margin) for box in shot.xyxy])
    size, margin = (bundle.model("embedder")["input"][key] for key in ("size", "margin"))
    whole = np.ones((2, 2), np.float32)
    masks = np.stack([mask_on_crop(whole, box, size, margin) for box in shot.xyxy])
    return {
        "detector": {"image": canvas[None]},
        "masks": {**pyramid, "boxes": boxes, "labels": shot.labels},
        "classifier": {"crops": crops["classifier"]},
        "embedder": {"crops": crops["embedder"], "masks": masks},
    }


def _feeds(bundle: Bundle, shots: list[Shot], threads: int) -> dict[str, list[Feed]]:
    detector = Runtime(threads=threads).load(bundle, "detector")
    each = [inputs_of(bundle, detector, shot) for shot in shots]
    return {name: [one[name] for one in each] for name in FILES}


def _frame(shot: Shot) -> Shot:
    """A photo as a frame of 1280x720 with three garments."""
    size = np.array([1280, 720], np.float32)
    scale = np.tile(size / shot.image.shape[1::-1], 2).astype(np.float32)
    rows = np.arange(GARMENTS) % len(shot.labels)
    return Shot(cv2.resize(shot.image, (1280, 720)), shot.xyxy[rows] * scale, shot.labels[rows])


def _speed(chosen: list[Variant], shot: Shot, rounds: int, bundle: Bundle) -> dict[str, dict[str, Any]]:
    given = inputs_of(bundle, chosen[0].runtime.load(bundle, "detector"), shot)
    result: dict[str, dict[str, Any]] = {one.name: {"ms": {}, "ratio": {}, "ratio_cpu": {}} for one in chosen}
    for network, (model, key) in FILES.items():
        sessions = {one.name: one.runtime.load(one.bundle, model, key) for one in chosen}
        tasks = {name: partial(_run, session, given[network]) for name, session in sessions.items()}
        walls, work = alternate(tasks, rounds), alternate(tasks, rounds, clock=time.process_time)
        for name in tasks:
            result[name]["ms"][network] = quantiles(walls[name])
            result[name]["ratio"][network] = _ratio(walls, name)
            result[name]["ratio_cpu"][network] = _ratio(work, name)
    return result


def _run(session: Session, feed: Feed, _: int) -> None:
    session.run(**feed)


def _ratio(times: dict[str, list[float]], name: str) -> float:
    return round(float(np.median(times[BASE]) / np.median(times[name])), 2)


def _first(truth: Path, photos: int) -> Path:
    """The file cut to its first photos."""
    table = json.loads(truth.read_text(encoding="utf-8"))
    images = table["images"][:photos]
    ids = {image["id"] for image in images}
    annotations = [one for one in table["annotations"] if one["image_id"] in ids]
    truth.write_text(json.dumps({**table, "images": images, "annotations": annotations}), encoding="utf-8")
    return truth


def _accuracy(one: Variant, data: Path, truth: Path) -> dict[str, Any]:
    detector = Detector(one.bundle, runtime=one.runtime)
    found = evaluate_detector(detector, data / "ccp" / "photos", truth, 0.01, silent)
    return {kind: found[kind] for kind in ("box", "mask")}


def _described(one: Variant, shots: list[Shot]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Probabilities of types and embeddings of all garments."""
    from matcher.stages.classify import Classifier
    from matcher.stages.embed import Embedder

    classifier, embedder = Classifier(one.bundle, one.runtime), Embedder(one.bundle, one.runtime)
    garments = [Garments(shot.xyxy) for shot in shots]
    probs = [classifier.probs(shot.image, shot.xyxy) for shot in shots]
    vectors = [embedder(shot.image, rows).embedding for shot, rows in zip(shots, garments, strict=True)]
    return np.concatenate(probs), np.concatenate(vectors)


def _nearness(base: tuple[NDArray, NDArray], other: tuple[NDArray, NDArray]) -> dict[str, Any]:
    cosines = (base[1] * other[1]).sum(1)
    same = (base[0].argmax(1) == other[0].argmax(1)).mean()
    sound = np.isfinite(cosines)
    known = cosines[sound] if sound.any() else np.zeros(1)
    spread = {"mean": round(float(known.mean()), 4), "min": round(float(known.min()), 4)}
    return {"same_type": round(float(same), 4), "cosine": spread, "finite": round(float(sound.mean()), 4)}
