"""`asworn image`: the products worn in one picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from numpy.typing import NDArray
from rich.markup import escape
from rich.table import Table

from matcher.cli.models import ModelOptions, with_models
from matcher.cli.options import CatalogOption, KeywordOption
from matcher.cli.output import out
from matcher.errors import InputError
from matcher.files import write_whole
from matcher.pipeline import Pipeline
from matcher.sinks.cutouts import write_cutouts
from matcher.sinks.draw import disclosures, draw
from matcher.sinks.jsonl import garment_record
from matcher.stages.look import having, keywords_of
from matcher.types import TIERS, Garments
from matcher.video.image import read_image


@with_models("file.toml")
def image(
    picture: Annotated[Path, typer.Argument(metavar="IMAGE", help="A picture file.")],
    catalog: CatalogOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    overlay: Annotated[Path | None, typer.Option(help="Also write the picture with what was found.")] = None,
    crops: Annotated[
        Path | None,
        typer.Option(help="Also write each garment, in its box and cut out, and labels.csv into this folder."),
    ] = None,
    keyword: KeywordOption = None,
    models: ModelOptions = ModelOptions(),
) -> None:
    """Find the products worn in one picture."""
    pixels = read_image(picture)
    pipeline = models.pipeline(catalog)
    garments = having(pipeline.image(pixels), keyword or ())
    if overlay is not None:
        _write_picture(overlay, draw(pixels, garments, pipeline.products))
    if crops is not None:
        write_cutouts(crops, pixels, garments)
    if as_json:
        typer.echo(json.dumps(_record(picture, pixels, garments, pipeline), ensure_ascii=False, allow_nan=False))
    else:
        out.print(_table(garments, pipeline))
        for words in disclosures(garments, pipeline.products):
            out.print(escape(words), soft_wrap=True)


def _record(picture: Path, pixels: NDArray[np.uint8], garments: Garments, pipeline: Pipeline) -> dict[str, Any]:
    rows = [garment_record(one, pipeline.products) for one in garments]
    facts = {"image": picture.name, "size": [pixels.shape[1], pixels.shape[0]], "garments": rows}
    catalog = pipeline.catalog
    label = catalog.settings.disclosure if catalog is not None else ""
    return {**facts, "disclosure": label} if label else facts


def _table(garments: Garments, pipeline: Pipeline) -> Table:
    table = Table(title=f"{len(garments)} garments")
    for heading in ("type", "looks", "box", "score", "product", "similarity", "tier"):
        table.add_column(heading)
    for one in garments:
        product = pipeline.products(int(one.product_row[0, 0])) if one.product_row.shape[1] else None
        box = " ".join(str(round(float(v))) for v in one.xyxy[0])
        found = (escape(product.name), f"{one.best_score[0]:.2f}", TIERS[one.tier[0]]) if product else ("", "", "")
        looks = ", ".join(keywords_of(one)[1:])
        table.add_row(f"{one.type_name} {one.type_score[0]:.0%}", looks, box, f"{one.score[0]:.2f}", *found)
    return table


def _write_picture(path: Path, pixels: NDArray[np.uint8]) -> None:
    try:
        ok, data = cv2.imencode(path.suffix or ".", pixels)
    except cv2.error:
        ok, data = False, None
    if not ok:
        raise InputError(f"cannot write pictures of the kind {path.name!r}; end the name in .jpg or .png")
    write_whole(path, data.tobytes())
