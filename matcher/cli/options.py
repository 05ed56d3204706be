"""Options that several commands share, and what they lead to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from matcher.catalog.catalog import Catalog
from matcher.catalog.interface import OpenOptions
from matcher.config import PipelineConfig, load_pipeline_config
from matcher.engine.schedule import Schedule
from matcher.errors import ConfigError, InputError
from matcher.exports.registry import EXPORTS
from matcher.pipeline import Pipeline, open_bundle, spread_over_cores

CatalogOption = Annotated[Path | None, typer.Option("--catalog", help="The shop's catalogue; without it types only.")]
ConfigOption = Annotated[str, typer.Option("--config", help="Settings of the pipeline, a TOML file.")]
BundleOption = Annotated[str | None, typer.Option("--bundle", help="Weights: a folder, or a packaged name.")]
DetectorOption = Annotated[
    str, typer.Option("--detector", help="In place of the bundle's: yolo:FILE, rfdetr:FILE, detectron2:CONFIG,FILE.")
]
ClassesOption = Annotated[str, typer.Option("--classes", help="TOML file: which of its classes are which types.")]
ThreadsOption = Annotated[int, typer.Option("--threads", min=0, help="Threads for the models; 0 = all cores.")]
BackendOption = Annotated[str, typer.Option("--backend", help="What runs the models: onnxruntime or torch.")]
DeviceOption = Annotated[str, typer.Option("--device", help="Where: cpu, cuda, or tensorrt with onnxruntime.")]
DecodeOption = Annotated[str, typer.Option("--decode", help="What decodes the video: cpu, or cuda for NVDEC.")]
FpsTargetOption = Annotated[
    float, typer.Option("--fps-target", min=0, help="Frames a second to reach, detecting as many as fit; 0 = all.")
]
BudgetOption = Annotated[float, typer.Option("--budget-ms", min=0, help="The same as milliseconds a frame.")]
KeywordOption = Annotated[
    list[str] | None,
    typer.Option(help='Only garments that look so: a colour, "striped", "long sleeves"...; may be given again.'),
]
ExportOption = Annotated[
    str, typer.Option("--export", metavar="NAMES", help=f"Also write, with commas: {', '.join(EXPORTS)}, or all.")
]
MasksOption = Annotated[bool, typer.Option("--masks/--no-masks", help="Outline garments; off is faster.")]


def make_pipeline(
    catalog: Path | None,
    config: str,
    bundle: str | None,
    threads: int,
    masks: bool,
    mask_rows: str = "all",
    whole_file: bool = False,
    detector: str = "",
    classes: str = "",
    backend: str = "",
    device: str = "",
    streams: int = 1,
) -> Pipeline:
    """The pipeline that the options ask for; empty ones, `mask_rows`, `detector` and `classes` as in the settings.

    `streams` sources will share its models: where the backend can, one run of the detector serves them all.

    For a whole file the cores are spread over several frames (`frames_at_once`); else all work on one.

    Raises:
        MatcherError: whatever is wrong with the catalogue, the settings or the weights.
    """
    settings = _with_detector(_settings(config, bundle, threads, masks, mask_rows), detector, classes)
    settings = _shared(_on(settings, backend, device), streams)
    settings = spread_over_cores(settings) if whole_file else replace(settings, frames_at_once=1)
    weights = open_bundle(settings)
    how = OpenOptions(settings.lookup.device, settings.lookup.mapped)
    loaded = Catalog.load(catalog, weights.embedder_hash, how) if catalog is not None else None
    return Pipeline(settings, loaded, weights)


def make_schedule(pipeline: Pipeline, fps_target: float, budget_ms: float) -> Schedule:
    """Which frames of a file are detected: as the options say, or as the settings do where both are 0.

    Raises:
        ConfigError: both are given.
    """
    engine = pipeline.config.engine
    if fps_target or budget_ms:
        engine = replace(engine, fps_target=fps_target, budget_ms=budget_ms, detect_every=0)
    return Schedule(engine, pipeline.config.frames_at_once)


def _settings(config: str, bundle: str | None, threads: int, masks: bool, mask_rows: str) -> PipelineConfig:
    settings = load_pipeline_config(config)
    detect = replace(settings.detect, masks=masks and settings.detect.masks, mask_rows=mask_rows)
    return replace(settings, threads=threads or settings.threads, bundle=bundle or settings.bundle, detect=detect)


def _on(settings: PipelineConfig, backend: str, device: str) -> PipelineConfig:
    return replace(settings, backend=backend or settings.backend, device=device or settings.device)


def _shared(settings: PipelineConfig, streams: int) -> PipelineConfig:
    """With as many frames in one run of the detector as there are streams, unless the settings say otherwise."""
    if settings.backend != "torch" or settings.engine.batch:
        return settings
    return replace(settings, engine=replace(settings.engine, batch=streams))


def _with_detector(settings: PipelineConfig, detector: str, classes: str) -> PipelineConfig:
    """What is said on the command line goes before what the file says; classes are those of one detector."""
    if not detector:
        return replace(settings, detector_classes=classes or settings.detector_classes)
    return replace(settings, detector=detector, detector_classes=classes)


def parse_time(text: str | None) -> float | None:
    """Seconds of "90", "1:30" or "0:01:30.5"; None for None.

    Raises:
        InputError: it is no time.
    """
    if text is None:
        return None
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    seconds = sum(part * 60**i for i, part in enumerate(reversed(parts)))
    if not 1 <= len(parts) <= 3 or any(part < 0 for part in parts) or not seconds < 1e9:
        raise InputError(f"{text!r} is not a time; write seconds, M:SS or H:MM:SS")
    return seconds


def check_span(start_s: float | None, end_s: float | None) -> None:
    """Refuse an end that is not after the start.

    Raises:
        ConfigError: it is not.
    """
    if end_s is not None and end_s <= (start_s or 0):
        raise ConfigError("--end must be later than --start")
