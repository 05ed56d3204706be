"""What a measurement was made on, kept beside its figures."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from matcher.runtime.onnx_session import usable_cores
from training.evaluation.output import write_json

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numpy", "opencv-python-headless", "onnxruntime", "faiss-cpu", "av")


def environment() -> dict[str, Any]:
    """Date, processor, cores, load of the last minute and versions."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "cores": usable_cores(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def save(name: str, result: dict[str, Any], folder: Path = RESULTS) -> Path:
    """Write a result with its environment to `NAME.json` and return the path."""
    path = folder / f"{name}.json"
    write_json(path, {"benchmark": name, "environment": environment(), **result})
    return path


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
