"""`asworn bench latency|growth|carried|cuts|long-run`: time, and what stays right when there is little of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from training.evaluation.output import percent, print_table

Bundle = Annotated[str | None, typer.Option("--bundle", help="Weights: a folder, or a packaged name.")]
Threads = Annotated[int, typer.Option("--threads", min=1, help="Cores that the models may use.")]
Results = Annotated[Path | None, typer.Option("--results", help="Folder for the JSON file; none is written without.")]
Work = Annotated[Path | None, typer.Option("--work", help="Folder that keeps clips and catalogues for the next run.")]
Real = Annotated[Path | None, typer.Option("--catalog", help="The shop to draw around; a drawn one when left out.")]
Products = Annotated[int, typer.Option(min=1, help="Products in the catalogue.")]
Frames = Annotated[int, typer.Option(min=8, help="Frames of each clip.")]


def latency_command(
    video: Annotated[Path | None, typer.Option("--video", help="A clip of yours in place of all others.")] = None,
    catalog: Real = None,
    products: Products = 100_000,
    frames: Frames = 120,
    sizes: Annotated[str, typer.Option(help="Sizes of the real clips, smaller ones scaled up.")] = "720p,1080p",
    bundle: Bundle = None,
    threads: Threads = 2,
    work: Work = None,
    results: Results = None,
) -> None:
    """Time of every stage and of whole frames: p50, p95, p99, on real clips and a drawn one."""
    from benchmarks.latency import latency
    from benchmarks.speed_clips import shop

    with _place(work) as folder:
        clips = {video.name: video} if video else _clips(folder, frames, sizes.split(","))
        found = shop(folder, products, bundle, catalog)
        runs = [
            {"clip": name, **latency(path, _pipeline(found, bundle, threads), frames)} for name, path in clips.items()
        ]
    for run in runs:
        rows = [(name, *(f"{value:.2f}" for value in times.values())) for name, times in run["ms"].items()]
        title = f"Milliseconds a frame: {run['clip']}, {run['garments']} garments, {threads} threads"
        print_table(title, ("part", "p50", "p95", "p99"), rows)
    rows = [(r["clip"], str(t["every"]), f"{t['fps']:.1f}", f"{t['cpu_ms']:.1f}") for r in runs for t in r["runs"]]
    header = ("clip", "detect every", "frames/s", "processor ms a frame")
    print_table(f"Whole runs, {runs[0]['at_once']} frames at once", header, rows)
    _save("latency", {"threads": threads, "products": products, "runs": runs}, results)


def growth_command(
    products: Annotated[str, typer.Option(help="Sizes of catalogues.")] = "1000,10000,100000,1000000",
    frames: Frames = 24,
    seconds: Annotated[float, typer.Option(min=1, help="Seconds for each number of streams.")] = 6,
    catalog: Real = None,
    bundle: Bundle = None,
    plot: Annotated[Path | None, typer.Option(help="Also draw an SVG or PNG; needs the extra [bench].")] = None,
    work: Work = None,
    results: Results = None,
) -> None:
    """Cost as work grows: people in a frame, resolution, products, streams."""
    from benchmarks.growth import growth
    from benchmarks.growth_plot import plot as draw
    from benchmarks.speed_clips import real_clips, shop

    with _place(work) as folder:
        shops = [shop(folder, int(size), bundle, catalog) for size in products.split(",")]
        video = next(iter(real_clips(folder, max(frames, 72), ("720p",)).values()))
        result = growth(video, shops, lambda found: _pipeline(found, bundle, 1), frames, seconds)
    for name, points in result.items():
        rows = [tuple(f"{value:g}" for value in point.values()) for point in points]
        print_table(f"Cost by {name}", tuple(points[0]), rows)
    if plot is not None:
        draw(result, plot)
    _save("growth", {"frames": frames, "live_s": seconds, **result}, results)


def carried_command(frames: Frames = 240, bundle: Bundle = None, work: Work = None, results: Results = None) -> None:
    """How near boxes carried between detections stay to those detected in every frame, by method and stride."""
    from benchmarks.carried import carried
    from benchmarks.speed_clips import real_clips
    from matcher.bundle import Bundle as Weights
    from matcher.config import DetectConfig, PipelineConfig
    from matcher.pipeline import Pipeline

    settings = PipelineConfig(threads=1, classify=False, detect=DetectConfig(masks=False))
    with _place(work) as folder:
        runs = [
            {"clip": name, **row}
            for name, path in real_clips(folder, frames, ("720p",)).items()
            for row in carried(path, Pipeline(settings, None, Weights.open(bundle)), frames)
        ]
    rows = [
        (r["clip"], str(r["stride"]), r["method"], f"{r['iou']:.3f}", f"{r['iou_p10']:.3f}", percent(r["lost"]))
        + (f"{r['cpu_ms']:.2f}",)
        for r in runs
    ]
    header = ("clip", "detect every", "method", "IoU", "IoU p10", "below one half", "processor ms")
    print_table("Carried boxes against detected ones", header, rows)
    _save("carried", {"frames": frames, "runs": runs}, results)


def cuts_command(
    pieces: Annotated[int, typer.Option(min=3, help="Pieces that each film is joined from.")] = 60,
    films: Annotated[int, typer.Option(min=1, help="How many films.")] = 3,
    results: Results = None,
) -> None:
    """Cuts in joined pieces of the real clips, with flashes and fast pans: ours against PySceneDetect."""
    from benchmarks.cuts import SEED, cuts, make_film
    from benchmarks.datasets import data_folder, truth_clips

    videos = [clip.video for clip in truth_clips(data_folder())]
    runs = []
    for seed in range(SEED, SEED + films):
        film = make_film(videos, pieces, seed)
        runs += [{"seed": seed, "frames": len(film.images), "cuts": len(film.cuts), **row} for row in cuts(film)]
    rows = [tuple(str(value) for value in run.values()) for run in runs]
    print_table("Cuts", tuple(runs[0]), rows)
    _save("cuts", {"pieces": pieces, "runs": runs}, results)


def long_run_command(
    minutes: Annotated[float, typer.Option(min=0.1, help="How long.")] = 60,
    video: Annotated[Path | None, typer.Option("--video", help="The clip; a real one when left out.")] = None,
    catalog: Real = None,
    products: Products = 100_000,
    bundle: Bundle = None,
    threads: Threads = 2,
    work: Work = None,
    results: Results = None,
) -> None:
    """Play a clip as a live source, again and again: memory and lateness over time, and dropped frames."""
    from benchmarks.long_run import long_run
    from benchmarks.speed_clips import real_clips, shop
    from matcher.pipeline import spread_over_cores
    from matcher.sinks.jsonl import JsonlSink

    with _place(work) as folder:
        clip = video or next(iter(real_clips(folder, 240, ("720p",)).values()))
        found = shop(folder, products, bundle, catalog)
        pipeline = _pipeline(found, bundle, threads, "live.toml", spread_over_cores)
        with tempfile.TemporaryDirectory() as out:
            sinks = [JsonlSink(Path(out) / "frames.jsonl", pipeline.products)]
            result = long_run(clip, pipeline, minutes, sinks, told=_tell)
    rows = [
        (name, str(value)) for name, value in {**result, **result["slope"]}.items() if not hasattr(value, "__len__")
    ]
    print_table(f"{minutes:g} minutes of {clip.name}", ("what", "figure"), rows)
    _save("long_run", {"clip": clip.name, "threads": threads, "products": products, **result}, results)


def _tell(sample: dict[str, float]) -> None:
    typer.echo("  ".join(f"{name} {value:g}" for name, value in sample.items()), err=True)


@contextmanager
def _place(work: Path | None) -> Iterator[Path]:
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
        yield work
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _clips(folder: Path, frames: int, sizes: list[str]) -> dict[str, Path]:
    from benchmarks.speed_clips import drawn_clip, real_clips

    return {**real_clips(folder, frames, sizes), "drawn 720p": drawn_clip(folder, max(frames / 25, 2))}


def _pipeline(found: Any, bundle: str | None, threads: int, settings: str = "file.toml", spread: Any = None) -> Any:
    """A pipeline that works on one frame at a time with all threads, or on several where `spread` makes them."""
    from matcher.bundle import Bundle as Weights
    from matcher.config import load_pipeline_config
    from matcher.pipeline import Pipeline

    config = load_pipeline_config(settings)
    config = replace(config, threads=threads, detect=replace(config.detect, mask_rows="due"))
    config = spread(config) if spread else replace(config, frames_at_once=1)
    return Pipeline(config, found, Weights.open(bundle))


def _save(name: str, result: dict[str, Any], folder: Path | None) -> None:
    from benchmarks.environment import save

    if folder is not None:
        typer.echo(f"written: {save(name, result, folder)}")
