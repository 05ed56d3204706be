"""The fetching and describing of a build on many machines, with Ray Data.

The machine that is asked reads the feed, holds the catalogue's lock and writes; workers fetch pictures, and others,
which hold the models, describe them:

    feed -> tasks -> FetchWorker -> DescribeWorker -> store of finished work -> the same assembly as on one machine

Descriptions go into the store of the build as they come back, so a build that is killed goes on with them, on one
machine or on many. They are found there by content, and the assembly goes through the feed in its own order: that a
worker died and its pictures were done twice, or came back in another order, changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from indexer.cluster import cluster, import_ray, plain_errors
from indexer.describe import Description
from indexer.feeds.base import FeedItem, Picture
from indexer.pictures import Library, Loaded, Source
from indexer.weights import Recipe
from matcher.errors import CatalogError
from matcher.fetch.fetcher import FetchOptions

if TYPE_CHECKING:
    import pyarrow as pa

_LEAST_BLOCK = 16  # pictures that a worker gets at a time; what is done again when it dies
_MOST_BLOCKS = 20_000  # each costs the asking machine some memory
_FETCH_BATCH = 32
_DESCRIBERS_PER_FETCHER = 8


@dataclass(frozen=True)
class DistributedOptions:
    """How a build is spread.

    Attributes:
        address: of the Ray cluster, see `cluster`.
        workers: processes that hold the models; 0 = as many as the cluster has cores (or GPUs) for.
        cpus: cores that each of them is given.
        gpus: GPUs that each of them is given.
        limits: of fetching, for all workers together; None = pictures of the web are rejected.
        cache: folder for what is fetched, on each machine; None = the user's there.
        object_store: bytes of shared memory, where a cluster is started on this machine; None = a little.
    """

    address: str = ""
    workers: int = 0
    cpus: int = 1
    gpus: int = 0
    limits: FetchOptions | None = None
    cache: Path | None = None
    object_store: int | None = None


class RemoteDescriber:
    """Stands for the models of the workers: pictures come described."""

    def __init__(self, dimension: int) -> None:
        """Take the length D of the vectors."""
        self.dimension = dimension

    def describe(self, image: NDArray[np.uint8], type_hint: str | None) -> Description:
        """Never asked.

        Raises:
            CatalogError: always.
        """
        raise CatalogError("a picture came back from the workers without a description; start the same command again")


class DistributedLoad:
    """In place of `pictures.load_ahead`: the pictures come described, by the workers of a cluster."""

    def __init__(self, recipe: Recipe, options: DistributedOptions) -> None:
        """Take the models' recipe.

        Raises:
            BackendError: Ray is not installed.
        """
        import_ray()
        self._recipe, self._options = recipe, options

    def __call__(self, items: Sequence[FeedItem], source: Source) -> Generator[Loaded, None, None]:
        """Every picture of every item, in order, described or with the reason why not.

        Args:
            items: as for `load_ahead`.
            source: its library gets each description as soon as it is there.

        Raises:
            InputError, CatalogError: no cluster, or its workers fail; errors of ours as they are.
        """
        if source.library is None:
            raise ValueError("a distributed build needs a library, which keeps what comes back")
        plan = Plan(items)
        results = Results(source.library, plan)
        options = self._options
        cpus = options.workers * options.cpus or None
        store = {} if options.object_store is None else {"object_store": options.object_store}
        with cluster(options.address, cpus, **store) as ray, plain_errors(ray), _quiet_data(ray):
            batches = self._batches(ray, plan, results, source)
            try:
                for number, picture in plan.pictures():
                    while number not in results:
                        results.take(_next(batches))
                    yield results.loaded(number, picture)
            finally:
                batches.close()

    def _batches(
        self, ray: ModuleType, plan: Plan, results: Results, source: Source
    ) -> Generator[pa.Table, None, None]:
        """Tables of the schema `DESCRIBED`, as they come back."""
        from indexer.distributed_workers import marks

        yield from self._run(ray, plan.tables(range(len(plan))), marks(source.library.contents()), source)
        # Taken for known by the short mark of another content.
        if results.mistaken:
            yield from self._run(ray, plan.tables(results.mistaken), marks(()), source)

    def _run(
        self, ray: ModuleType, tables: list[pa.Table], known: NDArray[np.uint64], source: Source
    ) -> Iterator[pa.Table]:
        from ray.data import ActorPoolStrategy

        from indexer.distributed_workers import DescribeWorker, FetchSetup, FetchWorker

        describers = min(self._describers(ray), len(tables))
        fetchers = -(-describers // _DESCRIBERS_PER_FETCHER)
        setup = FetchSetup(source.bundle_hash, _share(self._options.limits, fetchers), self._options.cache)
        shared = ray.put(known)  # held here to the end, for workers that begin again
        # Fetching waits most of the time: it is given no core, so that the models get all of them.
        fetched = ray.data.from_arrow(tables).map_batches(
            FetchWorker,
            fn_constructor_args=(setup, shared),
            batch_size=_FETCH_BATCH,
            batch_format="pyarrow",
            num_cpus=0,
            compute=ActorPoolStrategy(size=fetchers),
        )
        described = fetched.map_batches(
            DescribeWorker,
            fn_constructor_args=(self._recipe,),
            batch_size=None,
            batch_format="pyarrow",
            num_cpus=self._options.cpus,
            num_gpus=self._options.gpus,
            compute=ActorPoolStrategy(min_size=1, max_size=describers, initial_size=describers),
        )
        yield from described.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)

    def _describers(self, ray: ModuleType) -> int:
        if self._options.workers:
            return self._options.workers
        there = ray.cluster_resources()
        room = there.get("CPU", 1) // self._options.cpus
        if self._options.gpus:
            room = min(room, there.get("GPU", 0) // self._options.gpus)
        return max(1, int(room))


class Plan:
    """The pictures of a feed as numbered tasks: one that several products show is one task."""

    def __init__(self, items: Sequence[FeedItem]) -> None:
        """Number them."""
        self._items = items
        self._numbers: dict[tuple[object, ...], int] = {}
        self._asked: list[tuple[str, Picture]] = []
        for item, picture in self._all():
            if self._numbers.setdefault(_identity(item, picture), len(self._asked)) == len(self._asked):
                self._asked.append((item.product.type, picture))

    def _all(self) -> Iterator[tuple[FeedItem, Picture]]:
        return ((item, picture) for item in self._items for picture in item.pictures)

    def pictures(self) -> Iterator[tuple[int, Picture]]:
        """Every picture of the feed, in order, with the number of its task."""
        for item, picture in self._all():
            yield self._numbers[_identity(item, picture)], picture

    def tables(self, numbers: Sequence[int]) -> list[pa.Table]:
        """These tasks as blocks of the schema `TASK`."""
        import pyarrow as pa

        from indexer.distributed_workers import TASK, picture_text

        size = max(_LEAST_BLOCK, -(-len(numbers) // _MOST_BLOCKS))
        blocks = [numbers[start : start + size] for start in range(0, len(numbers), size)]
        return [
            pa.table(
                [block, *zip(*((hint, picture_text(one)) for hint, one in map(self.asked, block)), strict=True)], TASK
            )
            for block in blocks
        ]

    def asked(self, number: int) -> tuple[str, Picture]:
        """Type asked for ("" = none) and picture of a task."""
        return self._asked[number]

    def __len__(self) -> int:
        """Number of tasks."""
        return len(self._asked)


class Results:
    """What came back, by task; descriptions are in the library."""

    def __init__(self, library: Library, plan: Plan) -> None:
        """Start with nothing."""
        self._library, self._plan = library, plan
        self._outcomes: list[tuple[str, str, bool] | None] = [None] * len(plan)
        self.mistaken: list[int] = []

    def take(self, batch: pa.Table) -> None:
        """Keep a table of the schema `DESCRIBED`; a task that comes back again is as good as the first time.

        Raises:
            MatcherError: the one that a worker met.
        """
        import json

        from indexer.distributed_workers import description_of, raise_fatal

        for row in batch.to_pylist():
            raise_fatal(row)
            number, content = row["task"], row["content"]
            if row["known"] and self._library.find(content) is None:
                self.mistaken.append(number)
                continue
            found = description_of(row)
            if found is not None and self._outcomes[number] is None:
                self._library.put(content, found)
            self._outcomes[number] = (content, json.loads(row["error"]), row["stale"])

    def __contains__(self, number: int) -> bool:
        """Whether a task came back."""
        return self._outcomes[number] is not None

    def loaded(self, number: int, picture: Picture) -> Loaded:
        """The picture of a task that came back."""
        content, error, stale = self._outcomes[number] or ("", "", False)
        known = None if error else self._library.find(content)
        return Loaded(picture, content, known=known, error=error, stale=stale)


def _identity(item: FeedItem, picture: Picture) -> tuple[object, ...]:
    return picture.source, picture.name, item.product.type


def _next(batches: Iterator[pa.Table]) -> pa.Table:
    try:
        return next(batches)
    except StopIteration:
        raise CatalogError(
            "pictures did not come back from the workers; what came is kept: start the same command again"
        ) from None


def _share(limits: FetchOptions | None, workers: int) -> FetchOptions | None:
    """The limits for one of so many workers."""
    if limits is None:
        return None
    shares = {name: max(1, getattr(limits, name) // workers) for name in ("concurrency", "per_host")}
    return replace(limits, **shares)


@contextmanager
def _quiet_data(ray: ModuleType) -> Iterator[Any]:
    """Ray Data without its own bars and reports, which would go between ours."""
    context, logger = ray.data.DataContext.get_current(), logging.getLogger("ray.data")
    before = context.enable_progress_bars, logger.level
    context.enable_progress_bars = False
    logger.setLevel(logging.CRITICAL)  # what fails is raised as well
    try:
        yield
    finally:
        context.enable_progress_bars = before[0]
        logger.setLevel(before[1])
