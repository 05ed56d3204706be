"""The kind "flat": every vector is compared, so that answers are exact."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from matcher.catalog.faiss_files import index_name, open_index, threads_for, write_index
from matcher.catalog.gpu import moved
from matcher.catalog.interface import Part, Writing
from matcher.catalog.subindex import Allowed, SubIndex

_COPIED = 65_536  # vectors at a time


class Flat:
    """See `Kind`."""

    name = "flat"
    least = 0

    def write(self, job: Writing) -> dict[str, Any]:
        """See `Kind.write`."""
        name = index_name(job.type_name)
        write_index(flat_index(job.vectors), job.folder / name)
        return {"file": name, "recall": 1.0, "bytes_per_vector": 4.0 * job.vectors.shape[1]}

    def open(self, part: Part) -> SubIndex:
        """See `Kind.open`."""
        index = open_index(part, faiss.IndexFlat)
        return SubIndex(moved(FlatFinder(index), index, part.options.device), part.owners)

    def discard(self, folder: Path) -> None:
        """See `Kind.discard`: nothing is kept elsewhere."""


@dataclass(frozen=True, eq=False)
class FlatFinder:
    """See `Finder`; the index is an IndexFlat of inner products."""

    index: faiss.Index
    exact = True
    least = 0

    def candidates(
        self, queries: NDArray[np.float32], count: int, allowed: Allowed | None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """See `Finder.candidates`."""
        params = None if allowed is None else faiss.SearchParameters(sel=allowed.selector)
        with threads_for(len(queries) * self.index.ntotal * self.index.d):
            return self.index.search(queries, count, params=params)

    def vectors(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Finder.vectors`."""
        return reconstructed(self.index, positions)


def flat_index(vectors: NDArray[np.float32]) -> faiss.Index:
    """An exact index over vectors (M, D); position i holds vectors[i]."""
    index = faiss.IndexFlatIP(vectors.shape[1])
    for start in range(0, len(vectors), _COPIED):
        index.add(np.ascontiguousarray(vectors[start : start + _COPIED]))
    return index


def reconstructed(index: faiss.Index, positions: NDArray[np.int64]) -> NDArray[np.float32]:
    """(..., D) what an index keeps at positions of any shape."""
    flat = index.reconstruct_batch(np.ascontiguousarray(positions.reshape(-1), np.int64))
    return flat.reshape(*positions.shape, index.d)
