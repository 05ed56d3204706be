"""`asworn bench runtimes`: floats against int8, ONNX Runtime against OpenVINO, speed and accuracy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training.evaluation.output import percent, print_table


def runtimes_command(
    rounds: Annotated[int, typer.Option(min=3, help="How often each network is timed, in turn.")] = 30,
    photos: Annotated[int, typer.Option(min=1, help="Validation photos for accuracy.")] = 30,
    calibration: Annotated[int, typer.Option(min=1, help="Photos that the ranges of int8 are read from.")] = 24,
    bundle: Annotated[str | None, typer.Option("--bundle", help="Weights: a folder, or a packaged name.")] = None,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of each network.")] = 2,
    results: Annotated[Path | None, typer.Option("--results", help="Folder for the JSON file.")] = None,
) -> None:
    """The bundle's networks in floats and int8 by ONNX Runtime and OpenVINO: speed, and what accuracy it costs."""
    from benchmarks.runtimes import runtimes
    from matcher.bundle import Bundle

    result = runtimes(Bundle.open(bundle), threads, rounds, photos, calibration)
    rows = []
    for name, one in result["variants"].items():
        speeds = [f"{one['ratio'][network]:.2f} ({work:.2f})" for network, work in one["ratio_cpu"].items()]
        mask = one["mask"] or {}
        shares = one["box"]["AP50"], mask.get("AP50"), one["same_type"], one["finite"]
        rows.append((name, *speeds, *map(percent, shares), str(one["cosine"]["mean"])))
    networks = list(next(iter(result["variants"].values()))["ratio"])
    heads = ("", *networks, "box AP50", "mask AP50", "same type", "finite", "cosine")
    print_table(f"Speed against the first, by processor time in brackets; {threads} threads", heads, rows)
    for name, reason in result["left_out"].items():
        typer.echo(f"{name}: {reason}")
    if results is not None:
        from benchmarks.environment import save

        typer.echo(f"written: {save('runtimes', result, results)}")
