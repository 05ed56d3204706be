"""`asworn bench index`: how fast a shop becomes a catalogue."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from training.evaluation.output import print_table


def index_command(
    photos: Annotated[int, typer.Option(min=1, help="In each round.")] = 48,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is timed, in turn.")] = 9,
    bundle: Annotated[str | None, typer.Option("--bundle", help="Weights: a folder, or a packaged name.")] = None,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of the models, the same for both.")] = 2,
    results: Annotated[Path | None, typer.Option("--results", help="Folder for the JSON file; else none.")] = None,
) -> None:
    """Products a second from files to a catalogue, against open_clip ViT-B/32 alone (random weights: time only)."""
    from benchmarks.datasets import data_folder
    from benchmarks.environment import save
    from benchmarks.indexing import indexing

    with tempfile.TemporaryDirectory() as folder:
        result = indexing(data_folder(), Path(folder), bundle, photos, rounds, threads)
    rows = [(name, f"{rate:.1f}", f"{result['processor_ms_a_photo'][name]:.1f}") for name, rate in _rates(result)]
    print_table(f"{photos} photos, {rounds} rounds, {threads} threads", ("", "photos/s", "processor ms"), rows)
    stages = [(name, *("" if v is None else f"{v:.2f}" for v in t.values())) for name, t in result["stages_ms"].items()]
    print_table("Milliseconds a photo", ("part", "p50", "p95", "p99"), stages)
    ratio = result["ratio"]
    typer.echo(
        f"the indexer is {ratio['clock']:.2f} times as fast as {result['peer']} ({ratio['processor']:.2f} by work)"
    )
    if results is not None:
        typer.echo(f"written: {save('index', result, results)}")


def _rates(result: dict) -> list[tuple[str, float]]:
    return list(result["photos_per_s"].items())
