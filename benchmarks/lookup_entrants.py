"""Ways of finding the nearest products of the two likeliest types."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.lookup_data import LookupData, asked_types
from matcher.catalog.generation import Generation
from matcher.catalog.interface import Part, Writing
from matcher.catalog.ivf_training import filled, pq_index
from matcher.catalog.kinds import kind_of
from matcher.errors import BackendError
from matcher.taxonomy import TYPE_IDS, TYPES

K = 10
KINDS = ("flat", "hnsw", "ivf-flat", "ivf-pq")
MILVUS = "Milvus Lite with a filter"
_LINKS, _EF = 32, 128
_REFINE = 20  # so many times K candidates of IVF-PQ are scored exactly
_PROBES = 0.1  # share of the lists that are looked into
FIGURES = ("bytes_per_vector", "recall")  # what a kind says of itself when it is built
_BATCH = 2_000

T = TypeVar("T")
Search = Callable[[NDArray[np.float32]], NDArray[np.int64]]


@dataclass(frozen=True)
class Limits:
    """Numbers of vectors above which a way is left out, because building it takes minutes to hours on two cores."""

    hnsw: int = 100_000
    milvus: int = 100_000
    ivf_flat: int = 100_000
    ivf_pq: int = 1_000_000
    single: int = 100_000  # approximate indexes of the whole shop, for comparison

    def kind(self, kind: str) -> int:
        """Up to how many vectors our catalogue of a kind takes part."""
        return {"hnsw": self.hnsw, "ivf-flat": self.ivf_flat, "ivf-pq": self.ivf_pq}.get(kind, 1 << 40)


@dataclass(frozen=True)
class Entrant:
    """A way of searching.

    Attributes:
        name: for the table.
        search: (1, D) query to (K,) rows, -1 = none.
        filtered: whether it searches in the two types only.
        build_s: seconds that building took.
        kept: of our kinds: recall@10 and bytes a vector as measured at build time, bytes on the disk, seconds to open.
    """

    name: str
    search: Search
    filtered: bool
    build_s: float
    kept: dict[str, float] = field(default_factory=dict)


def entrants(data: LookupData, folder: Path, limits: Limits) -> Iterator[Entrant | tuple[str, str]]:
    """Build all ways; one that cannot take part is a name and the reason.

    Args:
        data: the shop.
        folder: for what is kept on disk.
        limits: up to which sizes ways take part.
    """
    flat, seconds = _timed(lambda: _flat(data.vectors))
    yield Entrant("unfiltered, exact", _faiss_search(flat), False, seconds)
    for kind in KINDS:
        if len(data.vectors) <= limits.kind(kind):
            yield ours(data, folder, kind)
        else:
            yield named(kind), f"left out above {limits.kind(kind)} vectors: it takes long to build"
    keep = _selector(data.asked)
    by_id = faiss.SearchParameters(sel=keep)
    yield Entrant("IDSelector on one flat index", _faiss_search(flat, by_id), True, 0.0)
    approximate = {
        "HNSW": (min(limits.hnsw, limits.single), lambda: _hnsw(data, keep)),
        "IVF-PQ": (limits.single, lambda: _ivfpq(data, flat, keep)),
        MILVUS: (limits.milvus, lambda: milvus(data, folder)),
    }
    for name, (most, make) in approximate.items():
        if len(data.vectors) <= most:
            yield from make()
        else:
            yield name, f"left out above {most} vectors: it takes long to build"


def named(kind: str) -> str:
    """Name of our catalogue of that kind, for the table."""
    return f"ours: sub-indexes, {'exact' if kind == 'flat' else kind}"


def ours(data: LookupData, folder: Path, kind: str) -> Entrant:
    """Our catalogue of a kind: written, opened from its files, and searched in the two types."""
    began = time.perf_counter()
    sections = {name: _write(data, folder / kind, name, kind) for name in _names(data)}
    seconds = time.perf_counter() - began
    generation, loading = _timed(lambda: catalogue(data, folder / kind, sections))
    probs = np.zeros((1, len(TYPES)), np.float32)
    probs[0, asked_types()] = 0.5
    counts = [len(sub.owners) for sub in generation.types.values()]
    kept = {name: float(np.average([one[name] for one in sections.values()], weights=counts)) for name in FIGURES}
    size = sum(path.stat().st_size for path in (folder / kind).iterdir()) / len(data.vectors)
    figures = {**{name: round(value, 4) for name, value in kept.items()}, "disk_per_vector": round(size, 1)}
    return Entrant(
        named(kind),
        lambda query: generation.search(query, probs, K)[0][0],
        True,
        round(seconds, 2),
        {**figures, "load_s": loading, "flat_types": sum(one["kind"] == "flat" for one in sections.values())},
    )


def _names(data: LookupData) -> list[str]:
    return [TYPES[type_id] for type_id in np.unique(data.types)]


def _write(data: LookupData, folder: Path, name: str, kind: str) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    rows = np.flatnonzero(data.types == TYPE_IDS[name])
    vectors = data.vectors[rows]
    kind = kind if len(rows) >= kind_of(kind).least else "flat"
    vectors.tofile(folder / f"{name}.vectors")
    section = kind_of(kind).write(Writing(folder, name, vectors, rows.astype(np.int32), stored=f"{name}.vectors"))
    if "stored" not in section:
        (folder / f"{name}.vectors").unlink()
    return {"kind": kind, **section}


def catalogue(data: LookupData, folder: Path, sections: dict[str, dict[str, Any]]) -> Generation:
    """A generation of the catalogue without products: its search needs vectors alone."""
    types = {}
    for name, section in sections.items():
        rows = np.flatnonzero(data.types == TYPE_IDS[name]).astype(np.int32)
        place = folder.joinpath
        part = Part(folder, name, data.vectors.shape[1], rows, section, place, place)
        types[name] = kind_of(section["kind"]).open(part)
    return Generation(folder, _Dimension(data.vectors.shape[1]), "", None, types)  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Dimension:
    """All of a manifest that a search reads."""

    dimension: int


def _hnsw(data: LookupData, keep: faiss.IDSelector) -> Iterator[Entrant]:
    index = faiss.IndexHNSWFlat(data.vectors.shape[1], _LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = _EF
    _, seconds = _timed(lambda: index.add(data.vectors))
    params = faiss.SearchParametersHNSW(efSearch=_EF)
    yield Entrant("HNSW, unfiltered", _faiss_search(index, params), False, seconds)
    chosen = faiss.SearchParametersHNSW(efSearch=_EF)
    chosen.sel = keep
    yield Entrant("HNSW with IDSelector", _faiss_search(index, chosen), True, 0.0)


def _ivfpq(data: LookupData, flat: faiss.Index, keep: faiss.IDSelector) -> Iterator[Entrant]:
    index, seconds = _timed(lambda: filled(pq_index(data.vectors), data.vectors))
    yield Entrant("IVF-PQ + exact, unfiltered", _refined(index, flat, None), False, seconds)
    yield Entrant("IVF-PQ + exact with IDSelector", _refined(index, flat, keep), True, 0.0)


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


def _refined(index: faiss.IndexPreTransform, flat: faiss.Index, sel: faiss.IDSelector | None) -> Search:
    inner = faiss.downcast_index(index.index)
    params = faiss.SearchParametersIVF(nprobe=max(int(_PROBES * inner.nlist), 16), sel=sel)

    def search(query: NDArray[np.float32]) -> NDArray[np.int64]:
        turned = index.chain.at(0).apply(query)
        return _best(query, flat, inner.search(turned, _REFINE * K, params=params)[1][0])

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
