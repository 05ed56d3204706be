"""The offline job: a feed's pictures in, a new generation of the catalogue out."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np

from indexer.describe import WHOLE, Describer, Description
from indexer.feeds.base import FeedContent, FeedItem, Rejected
from indexer.fetch.fetcher import Fetcher
from indexer.library import CatalogLibrary
from indexer.pictures import Loaded, Source, load_ahead
from matcher.bundle import Bundle
from matcher.catalog.settings import Settings
from matcher.catalog.table import Origin
from matcher.catalog.writer import CatalogWriter
from matcher.errors import FeedError
from matcher.taxonomy import TYPES

REJECTED = "rejected.csv"


@dataclass
class Tally:
    """What a build did.

    Attributes:
        products: indexed.
        vectors: stored, one for each picture.
        reused: of these, taken from the generation before.
        stale: pictures whose server could not be asked; the copy of before was taken.
        whole: vectors of pictures in which the detector found no garment.
        types_told: products whose type the picture decided.
        rejected: rows and pictures that were not used.
        generation: number of the new generation; 0 before it is there.
    """

    products: int = 0
    vectors: int = 0
    reused: int = 0
    stale: int = 0
    whole: int = 0
    types_told: int = 0
    rejected: tuple[Rejected, ...] = ()
    generation: int = 0


class NothingIndexed(FeedError):
    """Not one product of a feed could be used; `rejected` says why."""

    def __init__(self, rejected: tuple[Rejected, ...]) -> None:
        """Keep the list for whoever shows it."""
        self.rejected = rejected
        first = f"; the first reason: row {rejected[0].row}: {rejected[0].reason}" if rejected else ""
        super().__init__(f"nothing could be indexed: {len(rejected) or 'no'} rows or pictures were rejected{first}")


def build(
    content: FeedContent,
    out: Path,
    bundle: Bundle,
    describer: Describer,
    progress: Callable[[int], None] | None = None,
    reuse: bool = True,
    settings: Settings | None = None,
    fetcher: Fetcher | None = None,
) -> Tally:
    """Describe every picture of a feed and write a new generation. An error or an interruption leaves nothing.

    Args:
        content: what the feed holds.
        out: the catalogue's folder.
        bundle: the weights, whose hashes the catalogue records.
        describer: the models.
        progress: called with the number of pictures done since the last call.
        reuse: take the vectors of unchanged pictures from the current generation.
        settings: the catalogue's; None = those it has.
        fetcher: for pictures of the web; None = such pictures are rejected.

    Raises:
        NothingIndexed: no product could be used; the catalogue stays as it is.
        CatalogError: somebody else writes the catalogue, or the disk refuses.
    """
    job = _Job(describer, progress or (lambda done: None), list(content.rejected))
    with CatalogWriter(out, describer.dimension, bundle.embedder_hash, bundle.name, settings=settings) as writer:
        library = CatalogLibrary(out, bundle.embedder_hash, describer.dimension) if reuse else None
        with closing(load_ahead(content.items, Source(bundle.hash, library, fetcher))) as pictures:
            for item in content.items:
                job.index(item, islice(pictures, len(item.pictures)), writer)
        rejected = tuple(sorted(job.rejected, key=lambda one: one.row))
        if not len(writer):
            raise NothingIndexed(rejected)
        writer.attach(REJECTED, rejected_csv(rejected))
        return replace(job.tally, rejected=rejected, generation=writer.commit())


@dataclass
class _Job:
    """The products of one feed on their way into a catalogue."""

    describer: Describer
    progress: Callable[[int], None]
    rejected: list[Rejected]
    tally: Tally = field(default_factory=Tally)

    def index(self, item: FeedItem, pictures: Iterable[Loaded], writer: CatalogWriter) -> None:
        """Add one product with those of its pictures that can be used."""
        described = []
        for loaded in pictures:
            found = _describe(loaded, item.product.type, self.describer)
            if isinstance(found, str):
                self.rejected.append(Rejected(loaded.picture.row, item.product.id, found))
            else:
                described.append((replace(loaded, image=None), found))
            self.progress(1)
        if described:
            self._add(item, described, writer)

    def _add(self, item: FeedItem, described: list[tuple[Loaded, Description]], writer: CatalogWriter) -> None:
        probs = np.mean([found.type_probs for _, found in described], axis=0)
        type_name = item.product.type or TYPES[int(probs.argmax())]
        product = replace(item.product, type=type_name, image=described[0][0].picture.name)
        embeddings = np.array([found.embedding for _, found in described])
        writer.add(product, embeddings, [_origin(*one) for one in described])
        self.tally.products += 1
        self.tally.vectors += len(described)
        self.tally.types_told += not item.product.type
        self.tally.reused += sum(loaded.known is not None for loaded, _ in described)
        self.tally.stale += sum(loaded.stale for loaded, _ in described)
        self.tally.whole += sum(found.localised == WHOLE for _, found in described)


def _describe(loaded: Loaded, type_name: str, describer: Describer) -> Description | str:
    """The description of a picture, or why there is none."""
    if loaded.error or loaded.known is not None:
        return loaded.error or loaded.known
    found = describer.describe(loaded.image, type_name or None)
    usable = np.isfinite(found.embedding).all() and abs(np.linalg.norm(found.embedding) - 1) < 1e-3
    return found if usable else f"{loaded.picture.name}: the embedder gave no usable vector for it"


def _origin(loaded: Loaded, found: Description) -> Origin:
    x0, y0, x1, y1 = (float(value) for value in found.xyxy)
    return Origin(loaded.picture.name, loaded.content, found.localised, (x0, y0, x1, y1), found.type_probs)


def rejected_csv(rejected: tuple[Rejected, ...]) -> str:
    """The list as CSV with the columns row, id, reason."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row", "id", "reason"])
    writer.writerows((one.row, _no_formula(one.id), _no_formula(one.reason)) for one in rejected)
    return text.getvalue()


def _no_formula(text: str) -> str:
    """A spreadsheet runs a cell that begins with one of these; a quote before it makes it text."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
