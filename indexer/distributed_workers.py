"""What the workers of a distributed build do. Each is an actor of Ray Data that takes and gives Arrow tables.

A picture travels as JSON text (names of files need not be valid Unicode, which Arrow asks for), arrays as the bytes of
little-endian float32.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import ray
from numpy.typing import NDArray

from indexer.describe import Describer, Description, problem_of
from indexer.feeds.base import Picture
from indexer.pictures import Loaded, Raw, Source, decode, fetch, in_order, recognise
from indexer.weights import Recipe
from matcher import errors
from matcher.errors import MatcherError
from matcher.fetch.cache import Cache, default_folder
from matcher.fetch.fetcher import Fetcher, FetchOptions

TASK = pa.schema([("task", pa.int64()), ("type_hint", pa.string()), ("picture", pa.string())])
_OUTCOME = [("content", pa.string()), ("error", pa.string()), ("stale", pa.bool_())]
# `known`: the library has a description of the same content, so there is nothing to do.
FETCHED = pa.schema([*TASK, *_OUTCOME, ("known", pa.bool_()), ("data", pa.binary())])
_FOUND = [("localised", pa.string()), *((name, pa.binary()) for name in ("type_probs", "embedding", "xyxy"))]
# `fatal`: an error of ours that ends the build, as the name of its class and its text: Ray keeps the text alone.
DESCRIBED = pa.schema([("task", pa.int64()), *_OUTCOME, ("known", pa.bool_()), *_FOUND, ("fatal", pa.string())])


@dataclass(frozen=True)
class FetchSetup:
    """What a worker that fetches is told.

    Attributes:
        bundle_hash: as in `pictures.Source`.
        limits: for this worker alone; None = pictures of the web are rejected.
        cache: folder for what is fetched, on the worker's machine; None = the user's there.
        threads: pictures read at a time.
    """

    bundle_hash: str
    limits: FetchOptions | None = None
    cache: Path | None = None
    threads: int = 4


class FetchWorker:
    """Fetches or reads pictures and tells their content keys; bytes are passed on unless the content is known."""

    def __init__(self, setup: FetchSetup, known: ray.ObjectRef) -> None:
        """Take the limits, and the marks of known contents (see `marks`), which all workers of a machine share."""
        self._setup = setup
        self._known: NDArray[np.uint64] = ray.get(known)

    @cached_property
    def _source(self) -> Source:
        setup = self._setup
        fetcher = Fetcher(setup.limits, Cache(setup.cache or default_folder())) if setup.limits else None
        return Source(setup.bundle_hash, None, fetcher)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Tables of the schema `TASK` to tables of `FETCHED`."""
        rows = batch.to_pylist()
        asked = ((row["type_hint"], picture_of(row["picture"])) for row in rows)
        threads = self._setup.limits.concurrency if self._setup.limits else self._setup.threads
        raws = in_order(lambda one: fetch(*one, self._source), asked, threads, len(rows))
        done = [{**row, **self._outcome(raw)} for row, raw in zip(rows, raws, strict=True)]
        return pa.Table.from_pylist(done, schema=FETCHED)

    def _outcome(self, raw: Raw) -> dict[str, Any]:
        loaded = recognise(raw, self._source)
        known = bool(loaded.content) and has_mark(self._known, loaded.content)
        wanted = not (loaded.error or known)
        return {**_outcome(loaded), "known": known, "data": raw.body.data if wanted else None}


class DescribeWorker:
    """Holds the models; decodes and describes pictures."""

    def __init__(self, recipe: Recipe) -> None:
        """Take the models' recipe; they are loaded for the first picture, so that an error there is told as one."""
        self._recipe = recipe

    @cached_property
    def _describer(self) -> Describer:
        return self._recipe()

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Tables of the schema `FETCHED` to tables of `DESCRIBED`."""
        rows = batch.to_pylist()
        try:
            done = [self._described(row) for row in rows]
        except MatcherError as error:
            done = [{**rows[0], "fatal": json.dumps([type(error).__name__, str(error)])}]
        return pa.Table.from_pylist(done, schema=DESCRIBED)

    def _described(self, row: dict[str, Any]) -> dict[str, Any]:
        if row["data"] is None:
            return row
        loaded = decode(Loaded(picture_of(row["picture"]), row["content"], stale=row["stale"]), row["data"])
        if loaded.error:
            return {**row, **_outcome(loaded)}
        found = self._describer.describe(loaded.image, row["type_hint"] or None)
        problem = problem_of(found)
        if problem:
            return {**row, "error": json.dumps(f"{loaded.picture.name}: {problem}")}
        return {**row, "localised": found.localised, **_as_bytes(found)}


def _outcome(loaded: Loaded) -> dict[str, Any]:
    return {"content": loaded.content, "error": json.dumps(loaded.error), "stale": loaded.stale}


def _as_bytes(found: Description) -> dict[str, bytes]:
    arrays = {"type_probs": found.type_probs, "embedding": found.embedding, "xyxy": found.xyxy}
    return {name: np.asarray(array, "<f4").tobytes() for name, array in arrays.items()}


def description_of(row: dict[str, Any]) -> Description | None:
    """The description in a row of the schema `DESCRIBED`; None where it has none."""
    if row["embedding"] is None:
        return None
    names = ("type_probs", "embedding", "xyxy")
    arrays = [np.frombuffer(row[name], "<f4").astype(np.float32) for name in names]
    return Description(*arrays, row["localised"])


def raise_fatal(row: dict[str, Any]) -> None:
    """Raise the error that a worker met, where a row of the schema `DESCRIBED` tells of one."""
    if row["fatal"] is not None:
        name, text = json.loads(row["fatal"])
        kind = getattr(errors, name, MatcherError)
        raise (kind if isinstance(kind, type) and issubclass(kind, MatcherError) else MatcherError)(text)


def picture_text(picture: Picture) -> str:
    """A picture as text, see the top of the file."""
    path = None if picture.path is None else str(picture.path.absolute())
    return json.dumps([picture.row, picture.name, path, picture.url])


def picture_of(text: str) -> Picture:
    """The picture of such a text."""
    row, name, path, url = json.loads(text)
    return Picture(row, name, None if path is None else Path(path), url)


def marks(contents: Iterable[str]) -> NDArray[np.uint64]:
    """The first 64 bits of each content key, sorted: 8 bytes for each known picture in every machine's memory.

    Two contents may have the same mark; whoever asks looks again for the whole key.
    """
    return np.unique(np.fromiter((_mark(content) for content in contents), np.uint64))


def has_mark(known: NDArray[np.uint64], content: str) -> bool:
    """Whether the mark of a content key is among these."""
    position = int(np.searchsorted(known, np.uint64(_mark(content))))
    return position < len(known) and int(known[position]) == _mark(content)


def _mark(content: str) -> int:
    return int(content[:16], 16)
