"""`asworn bench detector-ingredients`: what each kind of training picture is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training.evaluation.output import percent, print_table

COLUMNS = {
    "photos": "street photos",
    "masks": "their masks",
    "film": "film frames (composed)",
    "frames": "real clips",
    "drawn": "drawn scenes",
    "packshots": "packshots, right type",
}


def ingredients_command(
    out: Annotated[Path, typer.Option("--out", help="Folder of the runs; a second call goes on where it stopped.")],
    config: Annotated[Path, typer.Option("--config", help="The recipe: its mix, steps and sizes.")] = Path(
        "configs/bench_detector_ingredients.toml"
    ),
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of the measured detectors.")] = 2,
    only: Annotated[list[str] | None, typer.Option("--only", help="Only mixes with this in their name.")] = None,
    results: Annotated[Path | None, typer.Option("--results", help="Folder for the JSON file.")] = None,
) -> None:
    """The detector trained for few steps with all kinds of pictures, without each of them, and with photos alone."""
    from benchmarks.ingredients import ingredients
    from training.detector.config import load_config

    result = ingredients(load_config(config), out, threads, only or ())
    rows = [(name, *(percent(row[key]) for key in COLUMNS)) for name, row in result["variants"].items()]
    title = f"AP50 of boxes (of masks where said) after {result['steps']} steps of {result['pictures']} pictures"
    print_table(title, ("", *COLUMNS.values()), rows)
    if results is not None:
        from benchmarks.environment import save

        typer.echo(f"written: {save('detector_ingredients', result, results)}")
