"""Ways of finding the nearest products of the two likeliest types."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.lookup_data import LookupData, asked_types
from matcher.catalog.flat import FlatFinder, flat_index
from matcher.catalog.generation import Generation
from matcher.catalog.subindex import SubIndex
from matcher.errors import BackendError
from matcher.taxonomy import TYPES

K = 10
MILVUS = "Milvus Lite with a filter"
_LINKS, _EF = 32, 128
_REFINE = 20  # so many times K candidates of IVF-PQ are scored exactly
_PROBES = 0.1  # share of the lists that are looked into
_MOST_LISTS = 1024
_ROUNDS = 6  # of k-means
_BATCH = 2_000

T = TypeVar("T")
Search = Callable[[NDArray[np.float32]], NDArray[np.int64]]


@dataclass(frozen=True)
class Limits:
    """Numbers of vectors above which a way is left out, because building it takes minutes to hours on two cores."""

    hnsw: int = 100_000
    milvus: int = 100_000
    ivfpq: int = 1_000_000


@dataclass(frozen=True)
class Entrant:
    """A way of searching.

    Attributes:
        name: for the table.
        search: (1, D) query to (K,) rows, -1 = none.
        filtered: whether it searches in the two types only.
        build_s: seconds that building took.
    """

    name: str
    search: Search
    filtered: bool
    build_s: float


def entrants(data: LookupData, folder: Path, limits: Limits) -> Iterator[Entrant | tuple[str, str]]:
    """Build all ways; one that cannot take part is a name and the reason.

    Args:
        data: the shop.
        folder: for what is kept on disk.
        limits: up to which sizes ways take part.
    """
    flat, seconds = _timed(lambda: _flat(data.vectors))
    yield Entrant("unfiltered, exact", _faiss_search(flat), False, seconds)
    catalog, seconds = _timed(lambda: catalogue(data))
    probs = np.zeros((1, len(TYPES)), np.float32)
    probs[0, asked_types()] = 0.5
    yield Entrant("ours: sub-indexes, exact", lambda q: catalog.search(q, probs, K)[0][0], True, seconds)
    keep = _selector(data.asked)
    by_id = faiss.SearchParameters(sel=keep)
    yield Entrant("IDSelector on one flat index", _faiss_search(flat, by_id), True, 0.0)
    approximate = {
        "HNSW": (limits.hnsw, lambda: _hnsw(data, keep)),
        "IVF-PQ": (limits.ivfpq, lambda: _ivfpq(data, flat, keep)),
        MILVUS: (limits.milvus, lambda: milvus(data, folder)),
    }
    for name, (most, make) in approximate.items():
        if len(data.vectors) <= most:
            yield from make()
        else:
            yield name, f"left out above {most} vectors: it takes long to build"


def catalogue(data: LookupData) -> Generation:
    """A generation of the catalogue as it stands in memory, without products: its search needs vectors alone."""
    types = {}
    for type_id in np.unique(data.types):
        rows = np.flatnonzero(data.types == type_id)
        types[TYPES[type_id]] = SubIndex(FlatFinder(flat_index(data.vectors[rows])), rows)
    return Generation(Path(), _Dimension(data.vectors.shape[1]), "", None, types)  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Dimension:
    """All of a manifest that a search reads."""

    dimension: int


def _hnsw(data: LookupData, keep: faiss.IDSelector) -> Iterator[Entrant]:
    def build(vectors: NDArray[np.float32]) -> faiss.Index:
        index = faiss.IndexHNSWFlat(vectors.shape[1], _LINKS, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = _EF
        index.add(vectors)
        return index

    whole, seconds = _timed(lambda: build(data.vectors))
    params = faiss.SearchParametersHNSW(efSearch=_EF)
    yield Entrant("HNSW, unfiltered", _faiss_search(whole, params), False, seconds)
    chosen = faiss.SearchParametersHNSW(efSearch=_EF)
    chosen.sel = keep
    yield Entrant("HNSW with IDSelector", _faiss_search(whole, chosen), True, 0.0)
    parts, seconds = _timed(lambda: _parts(data, build))
    yield Entrant("HNSW, sub-indexes", _merged(parts, params), True, seconds)


def _ivfpq(data: LookupData, flat: faiss.Index, keep: faiss.IDSelector) -> Iterator[Entrant]:
    def build(vectors: NDArray[np.float32]) -> faiss.Index:
        dimension = vectors.shape[1]
        lists = min(max(int(2 * np.sqrt(len(vectors))), 16), _MOST_LISTS)
        index = faiss.IndexIVFPQ(faiss.IndexFlatIP(dimension), dimension, lists, dimension // 8, 8)
        index.metric_type = faiss.METRIC_INNER_PRODUCT
        index.cp.max_points_per_centroid, index.cp.min_points_per_centroid = 64, 1
        index.cp.niter = _ROUNDS
        index.pq.cp.max_points_per_centroid, index.pq.cp.min_points_per_centroid = 64, 1
        index.pq.cp.niter = _ROUNDS
        index.train(vectors[np.random.default_rng(0).permutation(len(vectors))[: 64 * max(lists, 256)]])
        index.add(vectors)
        return index

    whole, seconds = _timed(lambda: build(data.vectors))
    yield Entrant("IVF-PQ + exact, unfiltered", _refined(whole, flat, None), False, seconds)
    yield Entrant("IVF-PQ + exact with IDSelector", _refined(whole, flat, keep), True, 0.0)
    parts, seconds = _timed(lambda: _parts(data, build))
    yield Entrant("IVF-PQ + exact, sub-indexes", _refined_parts(parts, flat), True, seconds)


def milvus(data: LookupData, folder: Path) -> Iterator[Entrant | tuple[str, str]]:
    """Milvus Lite, asked with a filter on the type; the name and the reason where it cannot take part."""
    try:
        from pymilvus import MilvusClient
    except ImportError:
        yield MILVUS, "not installed: pip install 'pymilvus[milvus-lite]'"
        return
    try:
        client, seconds = _timed(lambda: _loaded(MilvusClient(str(folder / "milvus.db")), data))
    except Exception as error:  # its own kinds of error, from another process
        raise BackendError(f"Milvus Lite does not start: {str(error).splitlines()[0]}") from error
    where = f"type in {asked_types()}"

    def search(query: NDArray[np.float32]) -> NDArray[np.int64]:
        hits = client.search("shop", query.tolist(), filter=where, limit=K)[0]
        return np.array([hit["id"] for hit in hits], np.int64)

    yield Entrant(MILVUS, search, True, seconds)


def _loaded(client: Any, data: LookupData) -> Any:
    client.create_collection("shop", dimension=data.vectors.shape[1], metric_type="IP", consistency_level="Strong")
    for start in range(0, len(data.vectors), _BATCH):
        part = range(start, min(start + _BATCH, len(data.vectors)))
        client.insert("shop", [{"id": i, "vector": data.vectors[i], "type": int(data.types[i])} for i in part])
    client.flush("shop")  # what is not flushed is searched some ten times slower
    return client


def _flat(vectors: NDArray[np.float32]) -> faiss.Index:
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return index


def _selector(keep: NDArray[np.bool_]) -> faiss.IDSelector:
    return faiss.IDSelectorBitmap(np.packbits(keep, bitorder="little"))


def _faiss_search(index: faiss.Index, params: faiss.SearchParameters | None = None) -> Search:
    return lambda query: index.search(query, K, params=params)[1][0]


def _parts(data: LookupData, build: Callable[[NDArray], faiss.Index]) -> list[tuple[faiss.Index, NDArray[np.int64]]]:
    """An index and its rows for each of the two types that are asked for; the others would take no part."""
    rows = [np.flatnonzero(data.types == type_id) for type_id in asked_types()]
    return [(build(data.vectors[one]), one) for one in rows]


def _merged(parts: list[tuple[faiss.Index, NDArray[np.int64]]], params: faiss.SearchParameters) -> Search:
    def search(query: NDArray[np.float32]) -> NDArray[np.int64]:
        found = [(index.search(query, K, params=params), rows) for index, rows in parts]
        scores = np.concatenate([scores[0] for (scores, _), _ in found])
        rows = np.concatenate([np.where(at[0] >= 0, rows[at[0]], -1) for (_, at), rows in found])
        return rows[np.argsort(-scores, kind="stable")[:K]]

    return search


def _probing(index: faiss.IndexIVFPQ, sel: faiss.IDSelector | None = None) -> faiss.SearchParametersIVF:
    return faiss.SearchParametersIVF(nprobe=max(int(_PROBES * index.nlist), 16), sel=sel)


def _refined(index: faiss.IndexIVFPQ, flat: faiss.Index, sel: faiss.IDSelector | None) -> Search:
    params = _probing(index, sel)
    return lambda query: _best(query, flat, index.search(query, _REFINE * K, params=params)[1][0])


def _refined_parts(parts: list[tuple[faiss.Index, NDArray[np.int64]]], flat: faiss.Index) -> Search:
    def search(query: NDArray[np.float32]) -> NDArray[np.int64]:
        found = [(index.search(query, _REFINE * K, params=_probing(index))[1][0], rows) for index, rows in parts]
        return _best(query, flat, np.concatenate([rows[at[at >= 0]] for at, rows in found]))

    return search


def _best(query: NDArray[np.float32], flat: faiss.Index, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The K of candidates with the best exact scores."""
    rows = np.ascontiguousarray(rows[rows >= 0])
    scores = flat.reconstruct_batch(rows) @ query[0]
    return rows[np.argsort(-scores, kind="stable")[:K]]


def _timed(build: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    made = build()
    return made, round(time.perf_counter() - start, 2)
