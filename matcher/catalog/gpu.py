"""Sub-indexes on a GPU, where the reader asks for them; needs faiss-gpu in place of faiss-cpu.

FAISS's own GPU indexes ignore an IDSelector without a word unless they are built with cuVS. So a search of a subset is
left to the index in main memory, which stays, and only whole sub-indexes are searched on the GPU.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from matcher.catalog.ranking import nearest
from matcher.catalog.subindex import Allowed, Finder
from matcher.errors import BackendError

_MOST = 2048  # candidates that a GPU index can give


def moved(finder: Finder, index: faiss.Index, device: str, probes: int = 0, refine: int = 1) -> Finder:
    """The finder itself on the CPU; for "cuda" one that searches the index on the first GPU.

    Args:
        finder: what searches in main memory.
        index: its index.
        device: "cpu" or "cuda".
        probes: lists to look into, for an index of inverted lists.
        refine: so many times the candidates wanted are scored again with the stored vectors.

    Raises:
        BackendError: there is no faiss-gpu, or no GPU.
    """
    if device != "cuda":
        return finder
    require_gpu()
    resources = faiss.StandardGpuResources()
    how = faiss.GpuClonerOptions()
    # Tables of 8-bit products of more than 48 parts fit into a GPU's shared memory only as half floats; what is kept
    # of the vectors stays as it is, and candidates are scored again in main memory.
    how.useFloat16 = not isinstance(index, faiss.IndexFlat)
    there = faiss.index_cpu_to_gpu(resources, 0, index, how)
    if probes:
        faiss.GpuParameterSpace().set_index_parameter(there, "nprobe", probes)
    return GpuFinder(finder, there, resources, refine)


def require_gpu() -> None:
    """Refuse to go on without a GPU that FAISS can use.

    Raises:
        BackendError: there is no faiss-gpu, or no GPU.
    """
    if not hasattr(faiss, "index_cpu_to_gpu"):
        raise BackendError(
            "the catalogue was asked for on a GPU, and this FAISS has no GPU part: pip uninstall -y faiss-cpu &&"
            ' pip install faiss-gpu-cu12; or set device = "cpu" under [lookup]'
        )
    if faiss.get_num_gpus() < 1:
        raise BackendError(
            "the catalogue was asked for on a GPU, and FAISS finds none, though it has its GPU part;"
            ' set device = "cpu" under [lookup]'
        )


@dataclass(frozen=True, eq=False)
class GpuFinder:
    """See `Finder`.

    Attributes:
        host: the finder in main memory, which answers for subsets and keeps the vectors.
        index: on the GPU.
        resources: the GPU's memory, which must live as long as the index.
        refine: as of `moved`.
    """

    host: Finder
    index: Any
    resources: Any
    refine: int = 1
    # A GPU index can be searched by one thread at a time.
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def exact(self) -> bool:
        """See `Finder.exact`."""
        return self.host.exact

    @property
    def least(self) -> int:
        """See `Finder.least`."""
        return self.host.least

    def candidates(
        self, queries: NDArray[np.float32], count: int, allowed: Allowed | None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """See `Finder.candidates`."""
        if allowed is not None or count * self.refine > _MOST:
            return self.host.candidates(queries, count, allowed)
        with self.lock:
            scores, positions = self.index.search(queries, count * self.refine)
        return (scores, positions) if self.refine == 1 else nearest(queries, positions, self.vectors, count)

    def vectors(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Finder.vectors`."""
        return self.host.vectors(positions)
