"""What `asworn doctor` looks at, one function for each."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import numpy as np

from matcher.bundle import Bundle
from matcher.errors import MatcherError
from matcher.stages.classify import Classifier
from matcher.stages.detect import Detector
from matcher.stages.embed import Embedder
from matcher.stages.models import Runtime

# Packages that bring the same modules: whichever was installed last wins, and half of the other stays.
CLASHES = (
    ("onnxruntime", "onnxruntime-gpu"),
    ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu12", "faiss-gpu-cuvs"),
    ("opencv-python-headless", "opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"),
)
PROGRAMS = ("ffmpeg", "chromium")
WARM_UPS, REPEATS = 3, 10
FRAME = (720, 1280)
GARMENTS = 6  # in the frame whose time is taken


@dataclass
class BundleReport:
    """What is known about the weights."""

    facts: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    bundle: Bundle | None = None


def check_bundle(name: str | None, runtime: Runtime | None = None) -> BundleReport:
    """Open the bundle, compare its hashes with its card, and load every model of it on that backend and device."""
    report = BundleReport()
    try:
        bundle = Bundle.open(name)
        report.facts = {
            "name": bundle.name,
            "folder": str(bundle.folder),
            "licence": bundle.card.get("licence", "not said"),
            "hash": bundle.hash,
            "files": sorted(bundle.card["files"]),
        }
        _load_models(bundle, runtime or Runtime())
        report.bundle = bundle
    except MatcherError as error:
        report.problems.append(str(error))
    return report


def check_runtimes() -> dict[str, dict[str, Any]]:
    """Backend name -> {"devices": those that it offers here, "problem": why it does not work, or None}.

    torch, an extra, is there only where it is installed.
    """
    return {"onnxruntime": _onnxruntime(), **({"torch": _torch()} if _installed("torch") else {})}


def _torch() -> dict[str, Any]:
    try:
        import torch
        import torchvision  # noqa: F401 - the backend needs its operations
    except (ImportError, OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        return {"devices": [], "problem": f"does not load ({reason}); pip install 'asworn[torch]'"}
    return {"devices": ["cpu", *(["cuda"] if torch.cuda.is_available() else [])], "problem": None}


def _onnxruntime() -> dict[str, Any]:
    try:
        import onnxruntime as ort

        from matcher.runtime.onnx_session import PROVIDERS

        offered = ort.get_available_providers()
    except (ImportError, AttributeError) as error:
        return {"devices": [], "problem": f"does not load ({error}); pip install --force-reinstall onnxruntime"}
    devices = [device for device, provider in PROVIDERS.items() if provider in offered]
    return {"devices": devices, "problem": None if devices else "offers no device that we use"}


def check_clashes(installed: Callable[[str], bool] | None = None) -> list[str]:
    """One line for each set of installed packages that overwrite one another's files."""
    present = installed or _installed
    found = [[name for name in names if present(name)] for names in CLASHES]
    return [
        f"{' and '.join(names)} overwrite each other: pip uninstall -y {' '.join(names)}, then install one of them"
        for names in found
        if len(names) > 1
    ]


def check_programs() -> dict[str, str | None]:
    """Path of each program that some tests and exports use; None where it is missing, which is no problem."""
    return {name: shutil.which(name) for name in PROGRAMS}


def time_frame(bundle: Bundle, runtime: Runtime) -> dict[str, float]:
    """Milliseconds (median) of a 1280x720 frame with six garments, one of them new to the tracker."""
    # Noise has edges everywhere, so that no stage finds nothing to do.
    image = np.random.default_rng(0).integers(0, 255, (*FRAME, 3), np.uint8)
    box = np.array([[300, 100, 700, 600]], np.float32)
    detector = Detector(bundle, runtime=runtime)
    times = {"detect": _median(lambda: detector.candidates(image, threshold=0.0, limit=GARMENTS))}
    if "classifier" in bundle.card["models"]:
        classifier = Classifier(bundle, runtime)
        times["classify"] = _median(lambda: classifier.probs(image, box))
    if "embedder" in bundle.card["models"]:
        embedder = Embedder(bundle, runtime)
        times["embed"] = _median(lambda: embedder.embed(image, box))
    return {**times, "all": sum(times.values())}


def _load_models(bundle: Bundle, runtime: Runtime) -> None:
    Detector(bundle, runtime=runtime)
    for name, stage in (("classifier", Classifier), ("embedder", Embedder)):
        if name in bundle.card["models"]:
            stage(bundle, runtime)


def _median(call: Callable[[], object]) -> float:
    for _ in range(WARM_UPS):
        call()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def _installed(package: str) -> bool:
    try:
        metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return False
    return True
