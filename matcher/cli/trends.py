"""`asworn trends`: what is worn over many films."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from matcher.cli.output import out
from matcher.files import write_whole
from matcher.trends.page import render_trends
from matcher.trends.runs import read_titles
from matcher.trends.tables import counts, write_tables


def trends(
    runs: Annotated[list[Path], typer.Argument(metavar="RUNS...", help="Folders of runs, or folders that hold them.")],
    folder: Annotated[Path, typer.Option("--out", help="Folder for trends.html, trends.csv and trends.json.")],
    dates: Annotated[Path | None, typer.Option(help="CSV file with the columns title and date.")] = None,
) -> None:
    """Count types, colours, patterns and products over films, by title and by date, in tables and plots."""
    titles = read_titles(runs, dates)
    found = counts(titles)
    write_tables(folder, titles, found)
    write_whole(folder / "trends.html", render_trends(titles, found))
    dated = sum(bool(title.date) for title in titles)
    out.print(f"{len(titles)} titles, {dated} of them with a date, {sum(len(t.seen) for t in titles)} appearances")
    out.print(f"results: {escape(str(folder / 'trends.html'))}", soft_wrap=True)
