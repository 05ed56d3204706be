"""What every evaluation prints and writes: progress, a table, a JSON file."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.table import Table

from matcher.files import write_whole

T = TypeVar("T")


class Progress(Protocol):
    """Wraps what a loop goes through and shows how far it is."""

    def __call__(self, items: Sequence[T] | Iterable[T], unit: str, total: int | None = None) -> Iterable[T]:
        """The same items, shown as they pass; `total` where `items` has no length."""
        ...


def silent(items: Iterable[T], unit: str, total: int | None = None) -> Iterable[T]:
    """No progress."""
    return items


def progress(items: Iterable[T], unit: str, total: int | None = None) -> Iterator[T]:
    """Show a bar with count, rate and time left on stderr."""
    total = len(items) if total is None and hasattr(items, "__len__") else total
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(unit, total=total, rate="")
        for item in items:
            yield item
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
            bar.update(task, advance=1, rate=f"{speed:.1f}/s" if speed else "")


def print_table(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table on stdout: the first column to the left, the others to the right."""
    table = Table(title=title, title_justify="left")
    for i, name in enumerate(header):
        table.add_column(name, justify="right" if i else "left")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    # A pipe has no width; a table that is cut there helps nobody.
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def percent(value: float | None) -> str:
    """A fraction of 1 for people; a dash where there is none."""
    return "-" if value is None else f"{100 * value:.1f} %"


def write_json(path: Path, result: dict[str, Any]) -> None:
    """Write a result, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    write_whole(path, json.dumps(result, indent=2, allow_nan=False) + "\n")
