"""`asworn bench gpu`: the figures of a GPU, or a rehearsal of them on the CPU."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from matcher.errors import BackendError, InputError
from training.evaluation.output import print_table


def gpu_command(
    rehearse: Annotated[bool, typer.Option("--rehearse", help="A tiny network on the CPU, to try it.")] = False,
    backbone: Annotated[str, typer.Option(help="Of the detector, with random weights.")] = "r101_fpn",
    precision: Annotated[str, typer.Option(help="bf16, fp16 or fp32.")] = "bf16",
    products: Annotated[int, typer.Option(min=1, help="Products in the catalogue.")] = 1_000_000,
    frames: Annotated[int, typer.Option(min=8, help="Frames of 1080p that are timed.")] = 300,
    streams: Annotated[str, typer.Option(help="Numbers of live streams.")] = "1,4,16",
    seconds: Annotated[float, typer.Option(min=1, help="Seconds for each of them.")] = 10,
    lookup_device: Annotated[str, typer.Option(help="Where products are searched: cpu or cuda.")] = "cpu",
    decode: Annotated[str, typer.Option(help="What decodes: cpu or cuda.")] = "cpu",
    work: Annotated[Path | None, typer.Option("--work", help="Folder that keeps what is made.")] = None,
    results: Annotated[Path | None, typer.Option("--results", help="Folder for the JSON file.")] = None,
) -> None:
    """The full detector on a GPU: whole frames, ratio to an eager network, live streams that share it."""
    try:
        from benchmarks.gpu_rows import REHEARSAL, GpuRun, gpu_rows
        from training.match_rcnn.config import ModelConfig
    except ImportError as error:
        if isinstance(error, BackendError):
            raise
        raise BackendError(f"this needs {error.name}: pip install 'asworn[train]'") from error
    numbers = _numbers(streams)
    run = REHEARSAL
    if not rehearse:
        run = GpuRun(ModelConfig(backbone=backbone), precision, products=products, frames=frames, seconds=seconds)
        run = replace(run, streams=numbers, lookup_device=lookup_device, decode=decode)
    with tempfile.TemporaryDirectory() as folder:
        place = work or Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        result = gpu_rows(run, place, lambda text: typer.echo(text, err=True))
    _show(result)
    if results is not None:
        from benchmarks.environment import save

        typer.echo(f"written: {save('gpu_rehearsal' if rehearse else 'gpu', result, results)}")


def _numbers(text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 1:
        raise InputError(f"--streams {text!r}: write numbers such as 1,4,16")
    return numbers


def _show(result: dict[str, Any]) -> None:
    rows = [(name, *(f"{value:.2f}" for value in times.values())) for name, times in result["frames"]["ms"].items()]
    rows += [(name, *(f"{v:.2f}" for v in result[f"{name}_ms"].values())) for name in ("eager", "ours")]
    title = f"Milliseconds on {result['device']}; eager to ours {result['ratio_detector']}, to whole frames "
    print_table(f"{title}{result['ratio_whole']}", ("part", "p50", "p95", "p99"), rows)
    header = ("streams", "frames/s of each", "detected", "dropped", "late p50", "late p99")
    rows = [
        (str(one["streams"]), f"{one['fps_of_each']:.1f}", f"{one['detected_share']:.0%}")
        + (f"{one['dropped_share']:.1%}", *(f"{one['latency_ms'][name]:.1f}" for name in ("p50", "p99")))
        for one in result["streams"]
    ]
    print_table("Live streams of 30 frames a second", header, rows)
