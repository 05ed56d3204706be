"""`asworn match`: the products worn in a video."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from matcher.cli.film import match_film
from matcher.cli.models import ModelOptions, with_models
from matcher.cli.options import (
    BudgetOption,
    CatalogOption,
    DecodeOption,
    ExportOption,
    FpsTargetOption,
    check_span,
    make_schedule,
    parse_time,
)
from matcher.cli.output import RunFolder, err, out
from matcher.exports.registry import export_names
from matcher.runner import Progress as Step
from matcher.runner import Summary
from matcher.sightings import Sighting
from matcher.types import TIERS
from matcher.video.open import open_video
from matcher.video.source import VideoSource


@with_models("file.toml")
def match(
    video: Annotated[str, typer.Argument(help="A video file, or its address.")],
    folder: Annotated[Path, typer.Option("--out", help="Folder for the results.")],
    catalog: CatalogOption = None,
    overlay: Annotated[bool, typer.Option("--overlay", help="Also write the video with what was found.")] = False,
    export: ExportOption = "",
    models: ModelOptions = ModelOptions(),
    fps_target: FpsTargetOption = 0,
    budget_ms: BudgetOption = 0,
    start: Annotated[str | None, typer.Option(help="Where to begin: seconds, M:SS or H:MM:SS.")] = None,
    end: Annotated[str | None, typer.Option(help="Where to stop.")] = None,
    decode: DecodeOption = "cpu",
) -> None:
    """Find the products worn in a video.

    Writes frames.jsonl, sightings.csv, report.html and run.json into the folder, overlay.mp4 with --overlay, and
    files for other programs with --export.
    """
    names = export_names(export)
    span = parse_time(start), parse_time(end)
    check_span(*span)
    results = RunFolder(folder)
    with open_video(video, decode=decode) as source:
        pipeline = models.pipeline(catalog, "all" if overlay else "due", whole_file=True)
        schedule = make_schedule(pipeline, fps_target, budget_ms)
        pipeline.warm_up(source.size)
        with _progress() as bar:
            task = bar.add_task("matching", total=_expected(source, *span), rate=0.0)
            show = partial(_show, bar, task)
            summary, sightings = match_film(source, pipeline, schedule, results, names, show, span, overlay)
    _tell(summary, sightings, folder)
    if source.truncated:
        err.print("the video ends earlier than it says it does; its last part may be missing")


def _expected(source: VideoSource, start_s: float | None, end_s: float | None) -> int | None:
    total = source.frames_estimate
    if total is None or not source.duration_s:
        return total
    span = min(end_s or source.duration_s, source.duration_s) - (start_s or 0)
    return max(round(total * span / source.duration_s), 1)


@contextmanager
def _progress() -> Iterator[Progress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} frames, {task.fields[rate]:.1f} a second,"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=err, transient=True, refresh_per_second=4) as bar:
        yield bar


def _show(bar: Progress, task: TaskID, step: Step) -> None:
    bar.update(task, completed=step.frames, rate=step.rate)


def _tell(summary: Summary, sightings: list[Sighting], folder: Path) -> None:
    best: dict[str, int] = {}
    for seen in sightings:
        best[seen.product.id] = max(best.get(seen.product.id, 0), seen.tier)
    tiers = Counter(TIERS[tier] for tier in best.values())
    carried = f", {summary.counts.detected} of them detected" if summary.counts.carried else ""
    out.print(f"{summary.frames} frames{carried} in {summary.wall_s:.1f} s ({summary.fps:.1f} a second)")
    out.print(f"{len(best)} products seen: {tiers['exact']} exact, {tiers['similar']} similar")
    out.print(f"results: {escape(str(folder / 'report.html'))}", soft_wrap=True)
