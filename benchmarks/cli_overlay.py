"""`asworn bench overlay`: how late the overlay is, and how steady its cards are."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.cli_speed import Bundle, Results, Threads, Work
from training.evaluation.output import percent, print_table


def overlay_command(
    seconds: Annotated[float, typer.Option(min=2, help="How long the overlay is watched; 0 clips then.")] = 20,
    clips: Annotated[int, typer.Option(min=0, help="Drawn clips on which cards are judged.")] = 3,
    clip_s: Annotated[float, typer.Option("--clip-seconds", min=4, help="Length of each of them.")] = 20,
    every: Annotated[int, typer.Option(min=1, help="Frames for each detection on them.")] = 4,
    query: Annotated[str, typer.Option(help="Options of the overlay's address, such as layout=side.")] = "",
    bundle: Bundle = None,
    threads: Threads = 2,
    work: Work = None,
    results: Results = None,
) -> None:
    """Picture to overlay at 720p30, by a number drawn in the picture and read from the page; flicker of cards."""
    from benchmarks.environment import environment, save

    with ExitStack() as stack:
        folder = work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        late = _latency(folder, seconds, query, bundle, threads)
        steady = _flicker(folder / "clips", clips, clip_s, every, bundle, threads)
    result = {"threads": threads, "latency": late, "every": every, "flicker": steady}
    if results is not None:
        typer.echo(f"written: {save('overlay', result, results)}")
    else:
        typer.echo(f"load of the last minute: {environment()['load']}")


def _latency(folder: Path, seconds: float, query: str, bundle: str | None, threads: int) -> dict[str, Any]:
    from dataclasses import replace

    from benchmarks.overlay_latency import overlay_latency
    from benchmarks.speed_clips import drawn_clip, shop
    from matcher.bundle import Bundle as Weights
    from matcher.config import load_pipeline_config
    from matcher.pipeline import Pipeline, spread_over_cores

    config = load_pipeline_config("live.toml")
    detect = replace(config.detect, mask_rows="due")
    config = spread_over_cores(replace(config, threads=threads, detect=detect))
    clip = drawn_clip(folder, 14)
    pipeline = Pipeline(config, shop(folder, 1000, bundle), Weights.open(bundle))
    found = overlay_latency(clip, pipeline, seconds, query)
    rows = [(name, *(f"{value:.0f}" for value in times.values())) for name, times in found["ms"].items()]
    facts = f"{found['frames']} results, {found['dropped']} dropped, {found['detections']} detections/s"
    print_table(f"Milliseconds, 720p30, {threads} threads: {facts}", ("from", "p50", "p95", "p99"), rows)
    return found


def _flicker(
    folder: Path, clips: int, seconds: float, every: int, bundle: str | None, threads: int
) -> list[dict[str, Any]]:
    from benchmarks.card_flicker import card_flicker

    if not clips:
        return []
    found = card_flicker(folder, range(1, clips + 1), 5, seconds, every, bundle, threads)
    rows = [
        (str(one["seed"]), name, *(f"{one[name][key]:g}" for key in ("changes", "wrong_changes")))
        + (percent(one[name]["precision"]), f"{one['stale_s']:g} s")
        for one in found
        for name in ("settled", "cards")
    ]
    header = ("seed", "of", "changes/min", "wrong/min", "right", "longest unseen")
    print_table("Changes a minute of a track's life", header, rows)
    return found
