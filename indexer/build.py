"""The offline job: a feed's pictures in, a new generation of the catalogue out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np

from indexer.describe import WHOLE, Describer, Description, problem_of
from indexer.feeds.base import FeedContent, FeedItem, Rejected
from indexer.library import CatalogLibrary, Libraries
from indexer.pictures import Loaded, Source, load_ahead
from indexer.rejected import NAME as REJECTED
from indexer.rejected import as_csv
from indexer.work import WorkStore
from matcher.bundle import Bundle
from matcher.catalog.changes import Changes, Comparison, rows_but
from matcher.catalog.interface import KindOptions
from matcher.catalog.settings import Settings
from matcher.catalog.table import Origin
from matcher.catalog.writer import CatalogWriter
from matcher.errors import FeedError
from matcher.fetch.fetcher import Fetcher
from matcher.taxonomy import TYPES

Load = Callable[[tuple[FeedItem, ...], Source], Generator[Loaded, None, None]]
_FEW = 100  # a catalogue of fewer products may shrink as it likes
_MOST_REMOVED = 0.5


@dataclass
class Tally:
    """What a build did.

    Attributes:
        products: indexed.
        vectors: stored, one for each picture.
        reused: of these, taken from the generation before.
        resumed: of these, taken from a build that was stopped.
        kept: products that this feed does not name, which stay as they are (of an update by a part of the shop).
        stale: pictures whose server could not be asked; the copy of before was taken.
        whole: vectors of pictures in which the detector found no garment.
        types_told: products whose type the picture decided.
        changes: against the generation before.
        rejected: rows and pictures that were not used.
        generation: number of the new generation; 0 before it is there.
        kind: its kind and why, in a line.
    """

    products: int = 0
    vectors: int = 0
    reused: int = 0
    resumed: int = 0
    kept: int = 0
    stale: int = 0
    whole: int = 0
    types_told: int = 0
    changes: Changes = field(default_factory=Changes)
    rejected: tuple[Rejected, ...] = ()
    generation: int = 0
    kind: str = ""


@dataclass(frozen=True)
class BuildOptions:
    """How a build treats what is there.

    Attributes:
        reuse: take the vectors of unchanged pictures from the current generation.
        partial: the feed names a part of the shop: products that it does not name stay.
        allow_shrink: let more than half of a large catalogue's products go.
        settings: the catalogue's; None = those it has.
        kind: how vectors are kept; None = as was asked for before, else as suits the size.
    """

    reuse: bool = True
    partial: bool = False
    allow_shrink: bool = False
    settings: Settings | None = None
    kind: KindOptions | None = None


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
    options: BuildOptions | None = None,
    fetcher: Fetcher | None = None,
    load: Load = load_ahead,
) -> Tally:
    """Describe every picture of a feed and write a new generation, which becomes current in one step or not at all.

    What was finished when a build was stopped, however it was stopped, is not done again by the next one.

    Args:
        content: what the feed holds.
        out: the catalogue's folder.
        bundle: the weights, whose hashes the catalogue records.
        describer: the models.
        progress: called with the number of pictures done since the last call.
        options: how what is there is treated.
        fetcher: for pictures of the web; None = such pictures are rejected.
        load: gives the pictures of the products, in order; those that come described are not described here.

    Raises:
        NothingIndexed: no product could be used; the catalogue stays as it is.
        FeedError: more than half of the products would be removed.
        CatalogError: somebody else writes the catalogue, or the disk refuses.
    """
    options = options or BuildOptions()
    made_by = (describer.dimension, bundle.embedder_hash)
    with CatalogWriter(out, *made_by, bundle.name, options.kind, options.settings) as writer:
        before = CatalogLibrary(out, bundle.embedder_hash, describer.dimension)
        work = WorkStore(out, describer.dimension)
        libraries = Libraries(work, before if options.reuse else None)
        job = _Job(describer, progress or (lambda done: None), list(content.rejected), libraries, before, writer)
        try:
            tally = job.run(load(content.items, Source(bundle.hash, libraries, fetcher)), content, options)
            # While the lock is still ours: the next writer has a store of its own.
            generation = writer.commit(lambda: work.close(finished=True))
            return replace(tally, generation=generation, kind=writer.kind_line)
        finally:
            work.close(finished=False)


@dataclass
class _Job:
    """The products of one feed on their way into a catalogue."""

    describer: Describer
    progress: Callable[[int], None]
    rejected: list[Rejected]
    libraries: Libraries
    before: CatalogLibrary
    writer: CatalogWriter
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self._comparison = Comparison(self.before.generation.table if self.before.generation else None)
        self._ids: set[str] = set()

    def run(self, loaded: Generator[Loaded, None, None], content: FeedContent, options: BuildOptions) -> Tally:
        """Index everything; all but the commit."""
        with closing(loaded) as pictures:
            for item in content.items:
                self._index(item, islice(pictures, len(item.pictures)))
        rejected = tuple(sorted(self.rejected, key=lambda one: one.row))
        if not len(self.writer):
            raise NothingIndexed(rejected)
        if options.partial:
            self._keep_others()
        changes = self._comparison.result()
        if not options.allow_shrink:
            _refuse_shrinking(changes)
        self.writer.attach(REJECTED, as_csv(rejected))
        return replace(self.tally, rejected=rejected, changes=changes)

    def _index(self, item: FeedItem, pictures: Iterable[Loaded]) -> None:
        """Add one product with those of its pictures that can be used."""
        described = []
        for loaded in pictures:
            found = self._describe(loaded, item.product.type)
            if isinstance(found, str):
                self.rejected.append(Rejected(loaded.picture.row, item.product.id, found))
            else:
                described.append((replace(loaded, image=None), found))
            self.progress(1)
        if described:
            self._add(item, described)

    def _describe(self, loaded: Loaded, type_name: str) -> Description | str:
        """The description of a picture, or why there is none."""
        if loaded.error or loaded.known is not None:
            return loaded.error or loaded.known
        # Asked again: the same picture may have been described since it was loaded.
        found = self.libraries.find(loaded.content) or self.describer.describe(loaded.image, type_name or None)
        problem = problem_of(found)
        if problem:
            return f"{loaded.picture.name}: {problem}"
        self.libraries.put(loaded.content, found)
        return found

    def _add(self, item: FeedItem, described: list[tuple[Loaded, Description]]) -> None:
        probs = np.mean([found.type_probs for _, found in described], axis=0)
        type_name = item.product.type or TYPES[int(probs.argmax())]
        product = replace(item.product, type=type_name, image=described[0][0].picture.name)
        embeddings = np.array([found.embedding for _, found in described])
        self.writer.add(product, embeddings, [_origin(*one) for one in described])
        self._ids.add(product.id)
        self._comparison.note(product, [loaded.content for loaded, _ in described])
        self.tally.products += 1
        self.tally.vectors += len(described)
        self.tally.types_told += not item.product.type
        self.tally.stale += sum(loaded.stale for loaded, _ in described)
        self.tally.whole += sum(found.localised == WHOLE for _, found in described)
        for loaded, _ in described:
            self.tally.resumed += self.libraries.is_resumed(loaded.content)
            self.tally.reused += self.libraries.is_reused(loaded.content)

    def _keep_others(self) -> None:
        """Take over the products that the feed does not name, and those of which it says nothing usable."""
        generation = self.before.generation
        if generation is None:
            return
        for row in rows_but(generation.table, self._ids):
            product, origins = generation.table.stored(row), generation.table.origins(row)
            self.writer.add(product, generation.reconstruct(row), origins)
            self._comparison.note(product, [one.content for one in origins])
            self.tally.kept += 1
            self.tally.products += 1
            self.tally.vectors += len(origins)


def _refuse_shrinking(changes: Changes) -> None:
    """A feed that was cut off on its way must not empty a shop."""
    total = changes.removed + changes.changed + changes.unchanged
    if total >= _FEW and changes.removed > _MOST_REMOVED * total:
        raise FeedError(
            f"this feed would remove {changes.removed} of {total} products; is it whole?"
            " --allow-shrink removes them, --partial keeps what the feed does not name"
        )


def _origin(loaded: Loaded, found: Description) -> Origin:
    x0, y0, x1, y1 = (float(value) for value in found.xyxy)
    return Origin(loaded.picture.name, loaded.content, found.localised, (x0, y0, x1, y1), found.type_probs)
