"""run.json: how a run went, for comparing runs."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

import matcher
from matcher.files import write_whole

if TYPE_CHECKING:
    from matcher.catalog.catalog import Catalog
    from matcher.engine.schedule import Schedule
    from matcher.pipeline import Pipeline
    from matcher.sightings import Sighting
    from matcher.video.source import VideoSource

PACKAGES = ("numpy", "opencv-python-headless", "av", "onnxruntime", "faiss-cpu")
PERCENTILES = (50, 95, 99)


def versions() -> dict[str, str]:
    """Versions of As Worn, Python and the libraries that decide the results; those not installed are left out."""
    found = {"asworn": matcher.__version__, "python": platform.python_version(), "platform": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def percentiles(stages: Mapping[str, ArrayLike]) -> dict[str, dict[str, float]]:
    """{stage: {"p50", "p95", "p99"}} of milliseconds per call; stages without a call are left out."""
    result = {}
    for stage, times in stages.items():
        values = np.asarray(times, np.float64)
        values = values[np.isfinite(values)]
        if values.size:
            result[stage] = {f"p{p}": round(float(np.percentile(values, p)), 3) for p in PERCENTILES}
    return result


def run_record(
    source: str,
    frames: int,
    wall_s: float,
    stages: Mapping[str, ArrayLike],
    bundle: Mapping[str, Any] | None = None,
    catalogue: Mapping[str, Any] | None = None,
    dropped: int = 0,
    corrupt: int = 0,
    **more: Any,
) -> dict[str, Any]:
    """The contents of run.json.

    Args:
        source: name of the video.
        frames: how many were processed.
        wall_s: seconds that took, without the start-up.
        stages: milliseconds of each call by stage.
        bundle: its name and hash.
        catalogue: its generation and hash, and the label that must stand where its links are shown, if it has one.
        dropped: frames left out because they came too fast.
        corrupt: damaged frames skipped.
        more: further entries, e.g. truncated=True.
    """
    return {
        "versions": versions(),
        "bundle": dict(bundle or {}),
        "catalogue": dict(catalogue or {}),
        "source": source,
        "frames": frames,
        "fps": round(frames / wall_s, 3) if wall_s > 0 else None,
        "wall_s": round(wall_s, 3),
        "stages_ms": percentiles(stages),
        "dropped": dropped,
        "corrupt": corrupt,
        **more,
    }


def video_record(source: VideoSource, unit: Fraction) -> dict[str, Any]:
    """What run.json says of the video, enough to make the reports again; `unit` is that of the frames' stamps."""
    return {
        "name": source.name,
        "size": list(source.size),
        "rate": str(source.rate),
        "time_base": str(unit),
        "start": str(source.start),
        "start_timecode": source.start_timecode,
    }


def products_record(sightings: Iterable[Sighting]) -> dict[str, dict[str, Any]]:
    """The listings of the products that were seen, by id."""
    listings = {s.product.id: s.product for s in sightings}
    return {
        name: {k: v for k, v in asdict(product).items() if v not in ("", None) and k != "id"}
        for name, product in sorted(listings.items())
    }


def pipeline_record(pipeline: Pipeline, schedule: Schedule) -> dict[str, Any]:
    """What run.json says of the models, the catalogue and the choices of frames."""
    catalog, engine = pipeline.catalog, schedule.config
    return {
        "bundle": {"name": pipeline.bundle.name, "hash": pipeline.bundle.hash},
        "catalogue": None if catalog is None else _catalogue(catalog),
        "detection": {
            **schedule.counts.record(),
            "frame_ms": schedule.frame_ms,
            "detect_every": engine.detect_every or None,
            "at_once": pipeline.config.frames_at_once,
            "threads": pipeline.config.threads,
        },
    }


def _catalogue(catalog: Catalog) -> dict[str, Any]:
    facts = {"generation": catalog.generation, "hash": catalog.hash}
    label = catalog.settings.disclosure
    return {**facts, "disclosure": label} if label else facts


def write_run(path: str | Path, record: Mapping[str, Any]) -> None:
    """Write run.json.

    Raises:
        InputError: the file cannot be written.
        ValueError: a number in the record is not finite.
    """
    write_whole(path, json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
