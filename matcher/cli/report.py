"""`asworn report`: the reports and exports of a finished run, made again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from matcher.cli.options import ExportOption
from matcher.cli.output import out
from matcher.exports.rebuild import rebuild
from matcher.exports.registry import export_names, write_exports
from matcher.types import Product


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that asworn match wrote.")],
    export: ExportOption = "",
    video: Annotated[Path | None, typer.Option(help="The film, for pictures of what was seen.")] = None,
    catalog: Annotated[Path | None, typer.Option(help="The catalogue, for newer texts and links.")] = None,
) -> None:
    """Write sightings.csv, report.html and exports of a finished run anew, from its frames.jsonl and run.json."""
    names = export_names(export)
    finished = rebuild(run, video, _listings(catalog))
    for path in write_exports(names, finished, run):
        out.print(f"written: {escape(str(path))}", soft_wrap=True)
    out.print(f"{len(finished.sightings)} appearances in {finished.facts.frames} frames")
    out.print(f"results: {escape(str(run / 'report.html'))}", soft_wrap=True)


def _listings(path: Path | None) -> Callable[[str], Product | None] | None:
    if path is None:
        return None
    from matcher.catalog.catalog import Catalog

    catalog = Catalog.load(path)

    def listing(product_id: str) -> Product | None:
        row = catalog.row_of(product_id)
        return None if row is None else catalog.product(row)

    return listing
