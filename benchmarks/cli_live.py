"""`asworn bench live-faults|live-soak|live-latency`: live streams from and to a real RTMP server on this machine."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.cli_speed import Bundle, Results, Threads, Work
from training.evaluation.output import print_table

_Seconds = Annotated[float, typer.Option(min=2, help="How long results are watched.")]
SIZE, SEED, PER_TYPE, CLIP_S = (1280, 720), 1, 5, 8


def faults_command(
    rounds: Annotated[int, typer.Option(min=1, help="Faults, of each kind in turn.")] = 20,
    bundle: Bundle = None,
    threads: Threads = 2,
    work: Work = None,
    results: Results = None,
) -> None:
    """Break source, server, browser and catalogue in turn: crashes, stale cards, and how soon it is shown again."""
    from benchmarks.live_faults import live_faults

    with _stage(work, bundle, threads) as (clip, pipeline, folder):
        result = live_faults(clip, pipeline, folder, rounds, _tell)
    rows = [tuple("-" if row[key] is None else str(row[key]) for key in row) for row in result["rounds"]]
    print_table(f"{rounds} faults", tuple(result["rounds"][0]), rows)
    rows = [(name, str(value)) for name, value in result.items() if name != "rounds"]
    print_table("Altogether", ("what", "figure"), rows)
    _save("live_faults", result, results)


def soak_command(
    minutes: Annotated[float, typer.Option(min=0.2, help="How long.")] = 10,
    bundle: Bundle = None,
    threads: Threads = 2,
    work: Work = None,
    results: Results = None,
) -> None:
    """Read from an RTMP server, match and publish there: memory, lateness and dropped frames over time."""
    from benchmarks.live_load import live_soak

    with _stage(work, bundle, threads) as (clip, pipeline, folder):
        result = live_soak(clip, pipeline, folder, minutes, _tell)
    figures = {**result, **result["slope"]}
    rows = [(name, str(value)) for name, value in figures.items() if name not in ("samples", "slope")]
    print_table(f"{minutes:g} minutes", ("what", "figure"), rows)
    _save("live_soak", result, results)


def live_latency_command(
    seconds: _Seconds = 20,
    bundle: Bundle = None,
    threads: Threads = 2,
    work: Work = None,
    results: Results = None,
) -> None:
    """From a picture in the sender, by the time drawn into it, over an RTMP server to its result."""
    from benchmarks.live_load import live_latency

    with _stage(work, bundle, threads) as (clip, pipeline, folder):
        result = live_latency(clip, pipeline, folder, seconds)
    rows = [(name, *(f"{value:.0f}" for value in result[name].values())) for name in ("ms", "inside_ms")]
    facts = f"{result['frames']} results, {result['dropped']} dropped, {result['detections']} detections/s"
    print_table(f"Milliseconds, 720p30 over RTMP, {threads} threads: {facts}", ("from", "p50", "p95", "p99"), rows)
    _save("live_latency", {"threads": threads, **result}, results)


@contextmanager
def _stage(work: Path | None, bundle: str | None, threads: int) -> Iterator[tuple[Path, Any, Path]]:
    """A drawn clip, a pipeline with the catalogue of the drawn shop of its clothes, and a folder to work in."""
    from benchmarks.showcase import make_showcase
    from indexer.cli import index
    from matcher.cli.options import make_pipeline

    with tempfile.TemporaryDirectory() as folder:
        place = work or Path(folder)
        if not (place / "stage.mp4").exists():
            showcase = make_showcase(place, SEED, PER_TYPE, SIZE, CLIP_S)
            index(showcase.feed, out=place / "catalog", bundle=bundle)
            _sendable(showcase.video, place / "stage.mp4")
        pipeline = make_pipeline(place / "catalog", "live.toml", bundle, threads, True, "due", True)
        yield place / "stage.mp4", pipeline, Path(folder)


def _sendable(video: Path, path: Path) -> None:
    """With a tone, and with a key picture each second, as streaming programs send."""
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100", "-shortest"]
    coded = ["-c:v", "libx264", "-preset", "veryfast", "-b:v", "3M", "-g", "30", "-bf", "0", "-c:a", "aac"]
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(video), *tone, *coded, "-pix_fmt", "yuv420p", str(path)]
    subprocess.run(command, check=True)


def _tell(row: dict[str, Any]) -> None:
    typer.echo("  ".join(f"{name} {value}" for name, value in row.items()), err=True)


def _save(name: str, result: dict[str, Any], folder: Path | None) -> None:
    from benchmarks.environment import environment, save

    if folder is not None:
        typer.echo(f"written: {save(name, result, folder)}")
    else:
        typer.echo(f"load of the last minute: {environment()['load']}")
