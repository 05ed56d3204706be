"""`asworn index`: turns a shop's feed into a catalogue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from indexer.build import REJECTED, NothingIndexed, Tally, build
from indexer.describe import BundleDescriber
from indexer.feeds.base import FeedContent, FeedOptions, Rejected
from indexer.feeds.open import FORMATS, open_feed
from indexer.options import parse_columns, parse_currency, parse_settings
from indexer.pictures import load_ahead
from matcher.bundle import Bundle
from matcher.catalog.folder import generation_name
from matcher.errors import InputError
from matcher.foreign import with_embedder
from matcher.stages.models import Runtime

_SHOWN = 10
_FORMAT_HELP = f"What the feed is, where its content does not tell: {', '.join(FORMATS)}."
_COLUMN_HELP = "Which column is which, e.g. id=ArtNr; may be given again."
_out = Console(highlight=False)
_err = Console(stderr=True, highlight=False)


def index(
    feed: Annotated[Path, typer.Argument(metavar="FEED", help="A folder of pictures, or a file of a known format.")],
    out: Annotated[Path | None, typer.Option(metavar="CATALOG", help="Folder of the catalogue to write.")] = None,
    bundle: Annotated[str | None, typer.Option(help="Weights: a folder, or a packaged name.")] = None,
    embedder: Annotated[str, typer.Option(help="In place of the bundle's: open_clip:MODEL[:WEIGHTS], dinov2:...")] = "",
    backend: Annotated[str, typer.Option(help="What runs the models.")] = "onnxruntime",
    device: Annotated[str, typer.Option(help="Where it runs them: cpu, cuda or tensorrt.")] = "cpu",
    threads: Annotated[int, typer.Option(min=0, help="Threads for the models; 0 = all cores.")] = 0,
    reuse: Annotated[bool, typer.Option(help="Keep the vectors of pictures that did not change.")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be indexed; write nothing.")] = False,
    format_name: Annotated[str | None, typer.Option("--format", help=_FORMAT_HELP)] = None,
    column: Annotated[list[str] | None, typer.Option(metavar="OURS=THEIRS", help=_COLUMN_HELP)] = None,
    currency: Annotated[str, typer.Option(help="Of prices that name none, such as EUR.")] = "",
    link_template: Annotated[str | None, typer.Option(help='How links are made: "{url}?utm_source=tv".')] = None,
    disclosure: Annotated[str | None, typer.Option(help="Label shown with links, e.g. that they are ads.")] = None,
) -> None:
    """Turn a shop's feed into a catalogue. Rows and pictures that cannot be used are listed with the reason."""
    if out is None and not dry_run:
        raise InputError("say where the catalogue goes: --out CATALOG")
    opened = open_feed(feed, format_name, FeedOptions(parse_columns(column or []), parse_currency(currency)))
    content = opened.read()
    if dry_run:
        _show_plan(opened.kind, _with_pictures_read(content))
        return
    with _show_rejected_on_failure():
        if not content.items:
            raise NothingIndexed(content.rejected)
        weights = with_embedder(Bundle.open(bundle), embedder)
        describer = BundleDescriber(weights, Runtime(backend, device, threads))
        with _progress("indexing", content.picture_count) as step:
            tally = build(content, out, weights, describer, step, reuse, parse_settings(out, link_template, disclosure))
    _show_result(tally, out)


@contextmanager
def _show_rejected_on_failure() -> Iterator[None]:
    try:
        yield
    except NothingIndexed as error:
        _show_rejected(error.rejected, "")
        raise


class _Rate(ProgressColumn):
    """Pictures per second."""

    def render(self, task: Task) -> Text:
        """The rate so far, empty at the start."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} pictures/s" if speed else "")


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=_err, transient=True, refresh_per_second=4) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)


def _with_pictures_read(content: FeedContent) -> FeedContent:
    """The content without what an unreadable picture spoils."""
    rejected, bad = list(content.rejected), set()
    with _progress("reading", content.picture_count) as step:
        owners = (item.product.id for item in content.items for _ in item.pictures)
        for product_id, loaded in zip(owners, load_ahead(content.items, "", None), strict=True):
            if loaded.error:
                bad.add(loaded.picture)
                rejected.append(Rejected(loaded.picture.row, product_id, loaded.error))
            step(1)
    items = [item for item in content.items if not bad.issuperset(item.pictures)]
    return FeedContent(tuple(items), tuple(sorted(rejected, key=lambda one: one.row)))


def _show_plan(kind: str, content: FeedContent) -> None:
    types = Counter(item.product.type or "(the picture decides)" for item in content.items)
    table = Table(title=f"{kind} feed: {_count(len(content.items), 'product')} would be indexed")
    table.add_column("type")
    table.add_column("products", justify="right")
    for name, count in sorted(types.items()):
        table.add_row(escape(name), str(count))
    _out.print(table)
    _show_rejected(content.rejected, "")


def _show_result(tally: Tally, out: Path) -> None:
    generation = generation_name(tally.generation)
    _show_rejected(tally.rejected, str(out / generation / REJECTED))
    parts = [f"{_count(tally.products, 'product')}, {_count(tally.vectors, 'vector')}"]
    if tally.reused:
        parts.append(f"{tally.reused} kept from before")
    if tally.types_told:
        parts.append(f"type of {_count(tally.types_told, 'product')} told from the picture")
    if tally.whole:
        parts.append(f"no garment found in {_count(tally.whole, 'picture')}, taken whole")
    if tally.rejected:
        parts.append(f"{len(tally.rejected)} rejected")
    _out.print(f"{escape(str(out))}: {generation}: {'; '.join(parts)}", soft_wrap=True)


def _show_rejected(rejected: tuple[Rejected, ...], full_list: str) -> None:
    if not rejected:
        return
    table = Table(title=f"{len(rejected)} rejected")
    for heading in ("row", "id", "reason"):
        table.add_column(heading, overflow="fold")
    for one in rejected[:_SHOWN]:
        table.add_row(str(one.row), escape(one.id), escape(one.reason))
    _out.print(table)
    more = len(rejected) - _SHOWN
    if more > 0:
        where = f"; all of them are in {full_list}" if full_list else ""
        _out.print(escape(f"... and {more} more{where}"), soft_wrap=True)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
