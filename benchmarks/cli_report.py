"""`asworn bench report`: the page of a two-hour film."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from training.evaluation.output import print_table


def report_command(
    products: Annotated[int, typer.Option(min=11, help="Products in the film.")] = 500,
    hours: Annotated[float, typer.Option(min=0.1, help="Length of the film.")] = 2,
    seconds: Annotated[float, typer.Option(min=1, help="Seconds of scrolling in each view, at most.")] = 6,
    keep: Annotated[Path | None, typer.Option(help="Folder that keeps the page.")] = None,
    results: Annotated[Path | None, typer.Option(help="Folder for the JSON file; none is written without.")] = None,
) -> None:
    """Size, opening time and smoothness of report.html of a long film, in headless Chromium."""
    from benchmarks.environment import save
    from benchmarks.report_page import report_page

    with tempfile.TemporaryDirectory() as folder:
        place = keep or Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        result = report_page(place, products, hours, seconds)
    rows = [
        (name, *(f"{view[key]:.1f}" for key in ("fps", "p95_ms", "worst_ms", "thread_ms")), str(view["rows_at_once"]))
        for name, view in result["views"].items()
    ]
    size = f"{result['products']} products, {result['appearances']} appearances, {result['shots']} shots"
    title = f"report.html: {size}: {result['megabytes']} MB, opens in {result['open_s']} s"
    print_table(title, ("view", "frames/s", "p95 ms", "worst ms", "thread ms a frame", "rows at once"), rows)
    if results is not None:
        typer.echo(save("report", result, results))
