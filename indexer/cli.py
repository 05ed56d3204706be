"""`asworn index`: turns a shop's feed into a catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from indexer.build import BuildOptions, Load, NothingIndexed, build
from indexer.describe import BundleDescriber, Describer
from indexer.distributed import DistributedLoad, DistributedOptions, RemoteDescriber
from indexer.feed_file import is_address, local_file
from indexer.feeds.base import FeedContent, FeedOptions, Rejected
from indexer.feeds.open import FORMATS, open_feed
from indexer.options import parse_columns, parse_currency, parse_kind, parse_settings
from indexer.pictures import Source, load_ahead
from indexer.show import progress, show_plan, show_rejected, show_result
from indexer.weights import BundleRecipe
from matcher.bundle import Bundle
from matcher.detectors.name import with_detector
from matcher.errors import InputError
from matcher.fetch.cache import Cache, default_folder
from matcher.fetch.fetcher import Fetcher, FetchOptions
from matcher.foreign import with_embedder
from matcher.stages.models import Runtime

_FORMAT_HELP = f"What the feed is, where its content does not tell: {', '.join(FORMATS)}."
_COLUMN_HELP = "Which column is which, e.g. id=ArtNr; may be given again."
_KIND_HELP = "How vectors are kept: auto, flat, hnsw, ivf-flat, ivf-pq or milvus; else as before, at first auto."
_CACHE_GIB = 20


def index(
    feed: Annotated[str, typer.Argument(metavar="FEED", help="A folder of pictures, a feed's file, or its address.")],
    out: Annotated[Path | None, typer.Option(metavar="CATALOG", help="Folder of the catalogue to write.")] = None,
    bundle: Annotated[str | None, typer.Option(help="Weights: a folder, or a packaged name.")] = None,
    embedder: Annotated[str, typer.Option(help="In place of the bundle's: open_clip:MODEL[:WEIGHTS], dinov2:...")] = "",
    detector: Annotated[
        str, typer.Option(help="In place of the bundle's: yolo:FILE, rfdetr:FILE, detectron2:CONFIG,FILE.")
    ] = "",
    classes: Annotated[str, typer.Option(help="TOML file: which of its classes are which types.")] = "",
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
    kind: Annotated[str | None, typer.Option(help=_KIND_HELP)] = None,
    memory: Annotated[
        float | None, typer.Option(metavar="GIB", help="That searching may take; else a quarter of this machine's.")
    ] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Keep products that the feed does not name.")] = False,
    allow_shrink: Annotated[bool, typer.Option("--allow-shrink", help="Let most of the products be removed.")] = False,
    cache: Annotated[Path | None, typer.Option(help="Folder for fetched pictures; else the user's cache.")] = None,
    at_once: Annotated[int, typer.Option(min=1, max=256, help="Pictures fetched at a time, in all.")] = 16,
    per_host: Annotated[int, typer.Option(min=1, max=256, help="Pictures fetched at a time from one host.")] = 6,
    allow_private: Annotated[bool, typer.Option("--allow-private", help="Fetch from private networks too.")] = False,
    milvus: Annotated[str, typer.Option(metavar="ADDRESS", help="Of a Milvus server that keeps the vectors.")] = "",
    distributed: Annotated[bool, typer.Option("--distributed", help="Describe the pictures on a Ray cluster.")] = False,
    address: Annotated[str, typer.Option(help="Of the Ray cluster; else RAY_ADDRESS, else one of this machine.")] = "",
    workers: Annotated[int, typer.Option(min=0, help="Of a cluster: processes with the models; 0 = all cores.")] = 0,
) -> None:
    """Turn a shop's feed into a catalogue. Rows and pictures that cannot be used are listed with the reason."""
    feed = str(feed)
    if out is None and not dry_run:
        raise InputError("say where the catalogue goes: --out CATALOG")
    if (address or workers) and not distributed:
        raise InputError("--address and --workers are of a cluster; add --distributed")
    options = FeedOptions(parse_columns(column or []), parse_currency(currency), feed if is_address(feed) else "")
    settings = parse_settings(out, link_template, disclosure) if out is not None else None
    how = BuildOptions(reuse, partial, allow_shrink, settings, parse_kind(kind, memory, milvus))
    pictures = Cache(cache or default_folder())
    limits = FetchOptions(concurrency=at_once, per_host=per_host, allow_private=allow_private)
    # A dry run keeps nothing, on the disk neither.
    with Fetcher(limits, None if dry_run else pictures) as fetcher, local_file(feed, fetcher) as path:
        opened = open_feed(path, format_name, options)
        content = opened.read()
        if dry_run:
            show_plan(opened.kind, _with_pictures_read(content, fetcher))
            return
        with _show_rejected_on_failure():
            if not content.items:
                raise NothingIndexed(content.rejected)
            weights = with_embedder(with_detector(Bundle.open(bundle), detector, classes), embedder)
            runtime = Runtime(backend, device, threads)
            spread = DistributedOptions(address, workers, limits=limits, cache=cache) if distributed else None
            describer, load = _models(weights, runtime, spread)
            with progress("indexing", content.picture_count) as step:
                tally = build(content, out, weights, describer, step, how, fetcher, load)
        pictures.trim(_CACHE_GIB << 30)
    show_result(tally, out)


def _models(weights: Bundle, runtime: Runtime, spread: DistributedOptions | None) -> tuple[Describer, Load]:
    """What describes the pictures and what gives them: here, or on a cluster."""
    if spread is None:
        return BundleDescriber(weights, runtime), load_ahead
    # On a machine of several workers, all cores for each would be too many.
    runtime = replace(runtime, threads=runtime.threads or 1)
    recipe = BundleRecipe.of(weights, runtime)
    spread = replace(spread, cpus=runtime.threads, gpus=int(runtime.device != "cpu"))
    return RemoteDescriber(recipe.dimension), DistributedLoad(recipe, spread)


@contextmanager
def _show_rejected_on_failure() -> Iterator[None]:
    try:
        yield
    except NothingIndexed as error:
        show_rejected(error.rejected, "")
        raise


def _with_pictures_read(content: FeedContent, fetcher: Fetcher) -> FeedContent:
    """The content without what an unreadable picture spoils."""
    rejected, bad = list(content.rejected), set()
    with progress("reading", content.picture_count) as step:
        owners = (item.product.id for item in content.items for _ in item.pictures)
        for product_id, loaded in zip(owners, load_ahead(content.items, Source(fetcher=fetcher)), strict=True):
            if loaded.error:
                bad.add(loaded.picture)
                rejected.append(Rejected(loaded.picture.row, product_id, loaded.error))
            step(1)
    items = [item for item in content.items if not bad.issuperset(item.pictures)]
    return FeedContent(tuple(items), tuple(sorted(rejected, key=lambda one: one.row)))
