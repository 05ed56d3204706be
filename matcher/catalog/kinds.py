"""Kinds of sub-index by name. A kind builds an index over vectors and finds candidates in it.

Scores are inner products; vectors are L2-normalised, so they are cosines. To add a kind, write a class with the
methods of `Kind` and enter it in `KINDS`; a catalogue's manifest names the kind that it was written with.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from matcher.errors import CatalogError

_WORTH_THREADS = 100_000_000


class Kind(Protocol):
    """What the catalogue asks of a kind of index."""

    name: str

    def build(self, vectors: NDArray[np.float32]) -> faiss.Index:
        """An index over vectors (M, D); position i holds vectors[i]."""
        ...

    def check(self, index: faiss.Index, count: int, dimension: int) -> bool:
        """Whether a loaded index is of this kind and has this many vectors of this length."""
        ...

    def candidates(
        self, index: faiss.Index, queries: NDArray[np.float32], count: int, allowed: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The best positions for each query, in one batched call.

        Args:
            index: built by this kind.
            queries: (N, D).
            count: how many per query.
            allowed: (M,) positions that may be returned; None = all.

        Returns:
            (N, count) inner products, best first, and (N, count) positions, -1 where there are no more.
        """
        ...

    def vectors(self, index: faiss.Index, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Stored vectors (..., D) at positions of any shape."""
        ...


class Flat:
    """Every vector is compared: exact."""

    name = "flat"

    def build(self, vectors: NDArray[np.float32]) -> faiss.Index:
        """See `Kind.build`."""
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        return index

    def check(self, index: faiss.Index, count: int, dimension: int) -> bool:
        """See `Kind.check`."""
        is_flat = isinstance(index, faiss.IndexFlat) and index.metric_type == faiss.METRIC_INNER_PRODUCT
        return is_flat and index.ntotal == count and index.d == dimension

    def candidates(
        self, index: faiss.Index, queries: NDArray[np.float32], count: int, allowed: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """See `Kind.candidates`."""
        params = None
        if allowed is not None:
            selector = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
            params = faiss.SearchParameters(sel=selector)
        with _threads_for(len(queries) * index.ntotal * index.d):
            return index.search(queries, count, params=params)

    def vectors(self, index: faiss.Index, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Kind.vectors`."""
        flat = index.reconstruct_batch(np.ascontiguousarray(positions.reshape(-1), np.int64))
        return flat.reshape(*positions.shape, index.d)


KINDS: dict[str, Kind] = {kind.name: kind for kind in (Flat(),)}


@contextmanager
def _threads_for(products: int) -> Iterator[None]:
    """Search in this thread alone where that is quick; `products` counts the multiplications.

    FAISS's threads wait for one another by spinning. Where other work holds the cores, as in the matcher, that makes
    a search of one millisecond take tens.
    """
    before = faiss.omp_get_max_threads()
    try:
        if products < _WORTH_THREADS:
            faiss.omp_set_num_threads(1)
        yield
    finally:
        faiss.omp_set_num_threads(before)


def kind_of(name: str) -> Kind:
    """The kind of that name.

    Raises:
        CatalogError: this version does not know it.
    """
    try:
        return KINDS[name]
    except KeyError:
        raise CatalogError(f"unknown kind of catalogue {name!r}; this version has {', '.join(KINDS)}") from None


def read_index(path: Path) -> faiss.Index:
    """Read an index file, which must have been verified before: the format is not safe against crafted files.

    Raises:
        CatalogError: it cannot be read.
    """
    try:
        return faiss.read_index(str(path))
    except RuntimeError as error:
        raise CatalogError(f"{path} is not a readable index ({_first_line(error)}); rebuild the catalogue") from error


def write_index(index: faiss.Index, path: Path) -> None:
    """Write an index file.

    Raises:
        CatalogError: it cannot be written, e.g. because the disk is full.
    """
    try:
        faiss.write_index(index, str(path))
    except RuntimeError as error:
        raise CatalogError(f"cannot write {path} ({_first_line(error)}); is the disk full?") from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
