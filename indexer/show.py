"""What `asworn index` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from indexer.build import Tally
from indexer.feeds.base import FeedContent, Rejected
from indexer.rejected import NAME as REJECTED
from matcher.catalog.folder import generation_name
from matcher.types import product_fields

_SHOWN = 10
_FIELDS = tuple(name for name in product_fields() if name not in ("type", "image"))
_out = Console(highlight=False)
_err = Console(stderr=True, highlight=False)


class _Rate(ProgressColumn):
    """Pictures per second."""

    def render(self, task: Task) -> Text:
        """The rate so far, empty at the start."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} pictures/s" if speed else "")


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar with rate and time left; what it gives is called with the number of pictures done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=_err, transient=True, refresh_per_second=4) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)


def show_plan(kind: str, content: FeedContent) -> None:
    """What a feed would give, what was understood of it, and what of it would be rejected: all of that."""
    types = Counter(item.product.type or "(the picture decides)" for item in content.items)
    count = _count(len(content.items), "product")
    _out.print(f"{kind} feed: {count} would be indexed, {_count(content.picture_count, 'picture')}", soft_wrap=True)
    table = Table()
    table.add_column("type")
    table.add_column("products", justify="right")
    for name, number in sorted(types.items()):
        table.add_row(escape(name), str(number))
    _out.print(table)
    if content.items:
        _out.print(_understood(content))
    show_rejected(content.rejected, "", len(content.rejected))


def _understood(content: FeedContent) -> Table:
    """How many products have which value, with the first one as an example."""
    table = Table()
    for heading in ("value", "products", "first row", "reads as"):
        table.add_column(heading, overflow="fold")
    for name in _FIELDS:
        having = [item for item in content.items if getattr(item.product, name) not in ("", None)]
        first = (str(having[0].row), escape(str(getattr(having[0].product, name))[:80])) if having else ("", "")
        table.add_row(name.replace("_", " "), str(len(having)), *first)
    several = [item for item in content.items if len(item.pictures) > 1]
    first = (str(several[0].row), f"{len(several[0].pictures)} pictures") if several else ("", "")
    table.add_row("more pictures", str(len(several)), *first)
    return table


def show_result(tally: Tally, out: Path) -> None:
    """What a build did."""
    generation = generation_name(tally.generation)
    show_rejected(tally.rejected, str(out / generation / REJECTED))
    parts = [f"{_count(tally.products, 'product')}, {_count(tally.vectors, 'vector')}"]
    if tally.reused:
        parts.append(f"{tally.reused} kept from before")
    if tally.resumed:
        parts.append(f"{tally.resumed} done by a build that was stopped")
    if tally.generation > 1:
        parts.append(_changes(tally))
    if tally.stale:
        parts.append(f"{_count(tally.stale, 'picture')} as fetched before, since the server could not be asked")
    if tally.types_told:
        parts.append(f"type of {_count(tally.types_told, 'product')} told from the picture")
    if tally.whole:
        parts.append(f"no garment found in {_count(tally.whole, 'picture')}, taken whole")
    if tally.rejected:
        parts.append(f"{len(tally.rejected)} rejected")
    _out.print(f"{escape(str(out))}: {generation}: {'; '.join(parts)}", soft_wrap=True)
    _out.print(escape(f"kind {tally.kind}"), soft_wrap=True)


def _changes(tally: Tally) -> str:
    """Against the generation before."""
    changes = tally.changes
    texts = [f"{changes.added} added", f"{changes.changed} changed", f"{changes.removed} removed"]
    if changes.sold_out:
        texts.append(f"{changes.sold_out} of them sold out")
    return ", ".join([*texts, f"{changes.unchanged} as before"])


def show_rejected(rejected: tuple[Rejected, ...], full_list: str, most: int = _SHOWN) -> None:
    """The first `most` rejected rows; `full_list` names the file that has all of them, "" = there is none."""
    if not rejected:
        return
    table = Table(title=f"{len(rejected)} rejected")
    for heading in ("row", "id", "reason"):
        table.add_column(heading, overflow="fold")
    for one in rejected[:most]:
        table.add_row(str(one.row), escape(one.id), escape(one.reason))
    _out.print(table)
    more = len(rejected) - most
    if more > 0:
        where = f"; all of them are in {full_list}" if full_list else ""
        _out.print(escape(f"... and {more} more{where}"), soft_wrap=True)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
