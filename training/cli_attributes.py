"""`asworn train attributes`: the models that say pattern, sleeves and length."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

# Other garments than those that are measured on.
FIRST, FIRST_HELD_OUT = 100_000, 0


def attributes(
    out: Annotated[Path, typer.Option(help="File for the weights, .npz.")] = Path("runs/attributes/weights.npz"),
    photos: Annotated[Path | None, typer.Option(help="clothing-dataset-small: the folder of its splits.")] = None,
    scenes: Annotated[int, typer.Option(min=1, help="Drawn scenes to learn from.")] = 250,
    packshots: Annotated[int, typer.Option(min=1, help="Drawn products of each type to learn from.")] = 90,
    most: Annotated[int, typer.Option(min=1, help="Photos of each class to learn from.")] = 220,
    figures: Annotated[Path | None, typer.Option("--json", help="File for the figures.")] = None,
) -> None:
    """Fit the models of pattern, sleeves and length to drawn garments, and to photos where they are given."""
    from training.attributes import examples
    from training.attributes.train import save, train
    from training.evaluation.output import write_json

    learned = [examples.packshots(FIRST, packshots), examples.worn(FIRST, scenes)]
    judged = [examples.packshots(FIRST_HELD_OUT, 2 * packshots // 3), examples.worn(FIRST_HELD_OUT, 2 * scenes // 3)]
    if photos is not None:
        learned.append(examples.photos(photos, "train", most))
        judged.append(examples.photos(photos, "validation", most))
    models, found = train(chain(*learned), chain(*judged))
    out.parent.mkdir(parents=True, exist_ok=True)
    save(models, out)
    show(found)
    if figures is not None:
        write_json(figures, found)
    typer.echo(out)


def show(found: dict) -> None:
    """Print the figures."""
    from training.evaluation.output import percent, print_table

    rows = [
        (name, source, str(f["garments"]), percent(f["right"]), percent(f["said"]), percent(f["right_where_said"] or 0))
        for name, sources in found.items()
        if name != "colours"
        for source, f in sources.items()
    ]
    print_table("Attributes, in per cent", ("model", "of", "garments", "right", "said", "right where said"), rows)
    colours = [
        (kind, source, str(f["garments"]), percent(f["right"]))
        for kind, sources in found["colours"].items()
        for source, f in sources.items()
    ]
    print_table("Colours, in per cent", ("set", "of", "garments", "right"), colours)
