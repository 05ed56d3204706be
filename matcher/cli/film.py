"""One film through the pipeline into its folder: what `asworn match` does once, and others for many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matcher.cli.output import RunFolder
from matcher.engine.schedule import Schedule
from matcher.exports.finished import Finished
from matcher.exports.registry import write_exports
from matcher.pipeline import Pipeline
from matcher.runner import Progress, Summary, run
from matcher.sightings import Sighting
from matcher.sinks.base import Sink
from matcher.sinks.jsonl import JsonlSink
from matcher.sinks.report import Report
from matcher.sinks.run_json import pipeline_record, products_record, run_record, video_record, write_run
from matcher.sinks.video import OverlaySink
from matcher.video.source import VideoSource


def match_film(
    source: VideoSource,
    pipeline: Pipeline,
    schedule: Schedule,
    results: RunFolder,
    exports: Sequence[str] = (),
    show: Callable[[Progress], None] | None = None,
    span: tuple[float | None, float | None] = (None, None),
    overlay: bool = False,
    more: Mapping[str, Any] | None = None,
) -> tuple[Summary, list[Sighting]]:
    """Match a film and write its files; they appear together at the end.

    Args:
        source: the film, open.
        pipeline: that no other film is in.
        schedule: new, for this film alone.
        results: its folder.
        exports: names out of `EXPORTS`.
        show: told of every frame.
        span: seconds from which and to which to look.
        overlay: also write the film with what was found.
        more: further entries of run.json.

    Raises:
        MatcherError: what is wrong with the film or the folder.
    """
    with results as staging:
        report = Report(staging, source, pipeline.products)
        sinks = _sinks(staging, source, pipeline, report, overlay)
        at_once = pipeline.config.frames_at_once
        summary = run(source, sinks, pipeline, show, *span, at_once, schedule=schedule)
        write_exports(exports, Finished(report.sightings, report.facts, staging / "frames.jsonl"), staging)
        record = _record(source, pipeline, summary, schedule, report)
        write_run(staging / "run.json", {**record, **(more or {})})
    return summary, report.sightings


def _sinks(staging: Path, source: VideoSource, pipeline: Pipeline, report: Report, overlay: bool) -> list[Sink]:
    sinks: list[Sink] = [JsonlSink(staging / "frames.jsonl", pipeline.products), report]
    if overlay:
        sinks.append(OverlaySink(staging / "overlay.mp4", source.rate, pipeline.products))
    return sinks


def _record(
    source: VideoSource, pipeline: Pipeline, summary: Summary, schedule: Schedule, report: Report
) -> dict[str, Any]:
    return run_record(
        source.name,
        summary.frames,
        summary.wall_s,
        pipeline.timings,
        corrupt=source.corrupt,
        truncated=source.truncated,
        seconds=[float(report.facts.start), float(report.facts.end)],
        video=video_record(source, report.unit),
        products=products_record(report.sightings),
        **pipeline_record(pipeline, schedule),
    )
