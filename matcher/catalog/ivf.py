"""The kinds "ivf-flat" and "ivf-pq": vectors in lists around centres, of which the nearest are looked into.

ivf-flat keeps whole vectors, in a file that is mapped into memory. ivf-pq keeps 32 bytes of each in main memory
(Jegou et al., Product quantization for nearest neighbor search, 2011, after the rotation of the parametric solution of
Ge et al., Optimized product quantization, 2013) and scores the best candidates again with the whole vectors, which stay
on the disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from matcher.catalog.faiss_files import index_name, open_index, threads_for, write_index
from matcher.catalog.flat import reconstructed
from matcher.catalog.gpu import moved
from matcher.catalog.interface import Part, Writing
from matcher.catalog.ivf_training import filled, plain_index, pq_index
from matcher.catalog.ranking import nearest
from matcher.catalog.recall import Sample, cheapest, draw, measured
from matcher.catalog.subindex import Allowed, SubIndex
from matcher.errors import CatalogError

_SHARES = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0)
_REFINES = (4, 8, 16, 32, 64)
_LEAST_SEEN = 4096  # vectors looked at for a query, however few are allowed
_OWNER_BYTES = 4


@dataclass(frozen=True, eq=False)
class IvfFinder:
    """See `Finder`.

    Attributes:
        index: an IndexIVFFlat, or an IndexPreTransform around an IndexIVFPQ.
        share: of the allowed vectors that are looked at for a query.
        refine: so many times the candidates wanted are scored again with the stored vectors; 1 = scores are exact.
        stored: (M, D) the vectors; None = those of the index, which has a direct map then.
    """

    index: faiss.Index
    share: float
    refine: int = 1
    stored: NDArray[np.float32] | None = None
    exact = False
    least = _LEAST_SEEN

    def __post_init__(self) -> None:
        """Remember how the last few subsets lie in the lists."""
        object.__setattr__(self, "_allowed_in_lists", lru_cache(maxsize=8)(self._allowed_in_lists))

    @cached_property
    def ivf(self) -> Any:
        """The index of inverted lists itself."""
        return faiss.downcast_index(faiss.extract_index_ivf(self.index))

    @cached_property
    def probes(self) -> int:
        """Lists to look into where everything is allowed."""
        return max(1, round(self.share * self.ivf.nlist))

    def candidates(
        self, queries: NDArray[np.float32], count: int, allowed: Allowed | None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """See `Finder.candidates`."""
        turned = self._turned(queries)
        params = faiss.SearchParametersIVF(nprobe=self.probes)
        if allowed is not None:
            params.nprobe, params.sel = self._probes(turned, allowed), allowed.selector
        seen = self.ivf.ntotal * params.nprobe // self.ivf.nlist
        with threads_for(len(queries) * (seen * self.ivf.code_size // 4 + self.ivf.nlist * self.ivf.d)):
            scores, positions = self.ivf.search(turned, count * self.refine, params=params)
        return (scores, positions) if self.refine == 1 else nearest(queries, positions, self.vectors, count)

    def vectors(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Finder.vectors`."""
        if self.stored is None:
            return reconstructed(self.ivf, positions)
        return np.asarray(self.stored[positions], np.float32)

    def _turned(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.ivf is self.index or not isinstance(self.index, faiss.IndexPreTransform):
            return queries
        return self.index.chain.at(0).apply(queries)

    def _probes(self, turned: NDArray[np.float32], allowed: Allowed) -> int:
        """Lists to look into until the share of the allowed vectors is seen; they may lie far from the queries."""
        wanted = max(self.share * allowed.count, min(allowed.count, _LEAST_SEEN))
        _, order = self.ivf.quantizer.search(turned, self.ivf.nlist)
        seen = np.cumsum(self._allowed_in_lists(allowed)[order], axis=1)
        return int((seen < wanted).sum(1).max()) + 1

    def _allowed_in_lists(self, allowed: Allowed) -> NDArray[np.int64]:
        return np.bincount(self._list_of[allowed.mask], minlength=self.ivf.nlist)

    @cached_property
    def _list_of(self) -> NDArray[np.int32]:
        """(M,) the list of each position."""
        result = np.empty(self.ivf.ntotal, np.int32)
        for number in range(self.ivf.nlist):
            size = self.ivf.invlists.list_size(number)
            if size:
                result[faiss.rev_swig_ptr(self.ivf.invlists.get_ids(number), size)] = number
        return result


class IvfFlat:
    """See `Kind`."""

    name = "ivf-flat"
    least = 4096

    def write(self, job: Writing) -> dict[str, Any]:
        """See `Kind.write`."""
        index = filled(plain_index(job.vectors), job.vectors)

        def make(share: float) -> SubIndex:
            return SubIndex(IvfFinder(index, share, 1, job.vectors), job.owners)

        share = cheapest(_SHARES, make, draw(make(1.0), seed=1), job.options.recall)
        return {**_written(job, index), "share": share, "recall": measured(make(share))}

    def open(self, part: Part) -> SubIndex:
        """See `Kind.open`."""
        index = open_index(part, faiss.IndexIVFFlat, mapped=part.options.device == "cpu")
        index.make_direct_map()
        lists = faiss.downcast_InvertedLists(index.invlists)
        if isinstance(lists, faiss.OnDiskInvertedLists):
            lists.prefetch_nthread = 0  # else threads read ahead in each search, which doubles its cost
        finder = IvfFinder(index, _share(part))
        return SubIndex(moved(finder, index, part.options.device, finder.probes), part.owners)

    def discard(self, folder: Path) -> None:
        """See `Kind.discard`: nothing is kept elsewhere."""


class IvfPq:
    """See `Kind`."""

    name = "ivf-pq"
    least = 10_000

    def write(self, job: Writing) -> dict[str, Any]:
        """See `Kind.write`."""
        index = filled(pq_index(job.vectors), job.vectors)

        def make(share: float, refine: int) -> SubIndex:
            return SubIndex(IvfFinder(index, share, refine, job.vectors), job.owners)

        share, refine = _tuned(make, draw(make(1.0, 1), seed=1), job.options.recall)
        figures = {"share": share, "refine": refine, "stored": job.stored}
        return {**_written(job, index), **figures, "recall": measured(make(share, refine))}

    def open(self, part: Part) -> SubIndex:
        """See `Kind.open`. The hash of the vectors' file is left to `check`: reading all of it takes long."""
        index = open_index(part, faiss.IndexPreTransform)
        refine = part.section["refine"]
        if not isinstance(refine, int) or refine < 2:
            raise _damaged(part)
        finder = IvfFinder(index, _share(part), refine, _stored(part))
        return SubIndex(moved(finder, index, part.options.device, finder.probes, refine), part.owners)

    def discard(self, folder: Path) -> None:
        """See `Kind.discard`: nothing is kept elsewhere."""


def _tuned(make: Any, sample: Sample, wanted: float) -> tuple[float, int]:
    """Share and refinement: half of what may be missed is left to each."""
    refine = cheapest(_REFINES, lambda refine: make(1.0, refine), sample, (1 + wanted) / 2)
    return cheapest(_SHARES, lambda share: make(share, refine), sample, wanted), refine


def _written(job: Writing, index: faiss.Index) -> dict[str, Any]:
    name = index_name(job.type_name)
    write_index(index, job.folder / name)
    size = (job.folder / name).stat().st_size / len(job.owners) + _OWNER_BYTES
    return {"file": name, "bytes_per_vector": round(size, 1)}


def _share(part: Part) -> float:
    share = part.section["share"]
    if not isinstance(share, (int, float)) or not 0 < share <= 1:
        raise _damaged(part)
    return share


def _stored(part: Part) -> NDArray[np.float32]:
    path = part.listed(part.section["stored"])
    shape = (len(part.owners), part.dimension)
    if path.stat().st_size != 4 * shape[0] * shape[1]:
        raise CatalogError(f"{path} is damaged: it has another size than the manifest says; rebuild the catalogue")
    return np.memmap(path, "<f4", "r", shape=shape)


def _damaged(part: Part) -> CatalogError:
    return CatalogError(f"the manifest of {part.folder} is damaged at {part.type_name}; rebuild the catalogue")
