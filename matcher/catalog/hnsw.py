"""The kind "hnsw": a graph of neighbours is walked; fast, slow to build, and it wants more memory than flat.

Malkov and Yashunin, Efficient and robust approximate nearest neighbor search using Hierarchical Navigable Small World
graphs, 2018; FAISS's implementation.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from matcher.catalog.faiss_files import index_name, open_index, threads_for, write_index
from matcher.catalog.flat import reconstructed
from matcher.catalog.interface import Part, Writing
from matcher.catalog.recall import cheapest, draw, measured
from matcher.catalog.subindex import Allowed, SubIndex
from matcher.errors import BackendError, CatalogError

_LINKS, _BUILD_EFFORT = 32, 80
_EFFORTS = (32, 64, 128, 256, 512, 1024)
_COPIED = 65_536
_MOST_WIDENING = 8
_OWNER_BYTES = 4


class Hnsw:
    """See `Kind`."""

    name = "hnsw"
    least = 1000

    def write(self, job: Writing) -> dict[str, Any]:
        """See `Kind.write`."""
        index = faiss.IndexHNSWFlat(job.vectors.shape[1], _LINKS, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = _BUILD_EFFORT
        for start in range(0, len(job.vectors), _COPIED):
            index.add(np.ascontiguousarray(job.vectors[start : start + _COPIED]))

        def make(effort: int) -> SubIndex:
            return SubIndex(HnswFinder(index, effort), job.owners)

        effort = cheapest(_EFFORTS, make, draw(make(_EFFORTS[0]), seed=1), job.options.recall)
        name = index_name(job.type_name)
        write_index(index, job.folder / name)
        size = (job.folder / name).stat().st_size / len(job.owners) + _OWNER_BYTES
        return {"file": name, "effort": effort, "recall": measured(make(effort)), "bytes_per_vector": round(size, 1)}

    def open(self, part: Part) -> SubIndex:
        """See `Kind.open`."""
        if part.options.device != "cpu":
            raise BackendError(
                f"{part.folder.parent} is of kind hnsw, which FAISS searches on the CPU alone; index it with --kind"
                ' flat, ivf-flat or ivf-pq, or set device = "cpu" under [lookup]'
            )
        effort = part.section["effort"]
        if not isinstance(effort, int) or effort < 1:
            raise CatalogError(f"the manifest of {part.folder} is damaged at {part.type_name}; rebuild the catalogue")
        return SubIndex(HnswFinder(open_index(part, faiss.IndexHNSWFlat), effort), part.owners)

    def discard(self, folder: Path) -> None:
        """See `Kind.discard`: nothing is kept elsewhere."""


@dataclass(frozen=True, eq=False)
class HnswFinder:
    """See `Finder`.

    Attributes:
        index: an IndexHNSWFlat of inner products.
        effort: vectors kept in view while the graph is walked (efSearch).
    """

    index: faiss.Index
    effort: int
    exact = False

    @property
    def least(self) -> int:
        """See `Finder.least`: a walk among vectors most of which are not allowed is long and finds little."""
        return max(4096, self.index.ntotal // _MOST_WIDENING)

    def candidates(
        self, queries: NDArray[np.float32], count: int, allowed: Allowed | None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """See `Finder.candidates`."""
        effort = max(self.effort, count)
        params = faiss.SearchParametersHNSW(efSearch=effort)
        if allowed is not None:
            params.efSearch = int(effort * min(self.index.ntotal / allowed.count, _MOST_WIDENING))
            params.sel = allowed.selector
        with threads_for(len(queries) * effort * self.index.d * _LINKS):
            return self.index.search(queries, count, params=params)

    def vectors(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Finder.vectors`."""
        return reconstructed(self.index, positions)
