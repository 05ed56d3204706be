"""What a kind of catalogue is: how one type's vectors are written, opened and searched.

`Generation` holds one `TypeIndex` for each type, asks those of the likeliest types and merges their answers, so the
object that the matcher searches (`Catalog`, or a `Generation` of it) is the same for all kinds. The product table, the
manifest and the switch from one generation to the next are the same for all kinds, too.

A new kind is a class with the methods of `Kind`, entered in `kinds.KINDS`, and a sub-class of
`tests.catalog_conformance.Conformance` that says how its catalogues are written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from matcher.catalog.filters import Filters


@dataclass(frozen=True)
class KindOptions:
    """What a user says of kinds.

    Attributes:
        kind: name of a kind, or "auto"; None = what the catalogue was asked for before, else "auto".
        memory: bytes of main memory that searching may take; None = a quarter of the machine's.
        recall: recall@10 against exact search that an approximate kind is tuned to, 0 to 1.
        address: of the server, for kinds that keep vectors on one; "" = the kind's own choice.
    """

    kind: str | None = None
    memory: int | None = None
    recall: float = 0.99
    address: str = ""


@dataclass(frozen=True)
class OpenOptions:
    """How a reader opens a catalogue.

    Attributes:
        device: "cpu", or "cuda": sub-indexes are moved to the GPU, which needs faiss-gpu.
        mapped: map index files into memory in place of reading them: opening is quick, processes share them, and main
            memory holds what is searched; the first searches wait for the disk.
    """

    device: str = "cpu"
    mapped: bool = False


@dataclass(frozen=True)
class Subset:
    """The products that a search may return.

    Attributes:
        filters: what was asked, for kinds that filter where the vectors are.
        find: (P,) bool over product rows for filters; called when `rows` is first read.
    """

    filters: Filters
    find: Callable[[Filters], NDArray[np.bool_]]

    @property
    def rows(self) -> NDArray[np.bool_]:
        """(P,) whether each product row may be returned; the same array each time."""
        return self.find(self.filters)


@dataclass(frozen=True)
class Writing:
    """One type's vectors on their way into a generation.

    Attributes:
        folder: of the generation that is being written; every file in it is hashed in the manifest afterwards. The
            product table is there already, and complete.
        type_name: one of `taxonomy.TYPES`.
        vectors: (M, D) float32, L2-normalised, at least one; may be a memory-mapped file.
        owners: (M,) integer product row of each vector.
        options: the user's.
        stored: name of a file in the folder that holds the vectors as little-endian float32, one after the other. It
            stays if what `Kind.write` returns has it under "stored", and is removed otherwise.
    """

    folder: Path
    type_name: str
    vectors: NDArray[np.float32]
    owners: NDArray[np.integer]
    options: KindOptions = KindOptions()
    stored: str = ""


@dataclass(frozen=True)
class Part:
    """One type's part of a finished generation.

    Attributes:
        folder: of the generation.
        type_name: one of `taxonomy.TYPES`.
        dimension: length D of the vectors.
        owners: (M,) integer product row of each vector.
        section: what the manifest says of the type: what `Kind.write` returned, and the counts.
        verified: path of a file of the generation, after its SHA-256 was compared; raises CatalogError or
            FileNotFoundError.
        listed: path of a file of the generation that is left for `check` to compare: one so large that reading it takes
            long, and harmless whatever is in it; raises CatalogError where the manifest has no hash of it.
        options: the reader's.
    """

    folder: Path
    type_name: str
    dimension: int
    owners: NDArray[np.integer]
    section: dict[str, Any]
    verified: Callable[[str], Path]
    listed: Callable[[str], Path]
    options: OpenOptions = field(default_factory=OpenOptions)


class TypeIndex(Protocol):
    """The vectors of one type, searched for products. It never changes; any number of threads may use it."""

    owners: NDArray[np.integer]
    """(M,) product row of each vector; a product may have several."""

    @property
    def exact(self) -> bool:
        """Whether a search gives exactly the best products; else the manifest's "recall" says how well it does."""
        ...

    def search(
        self, queries: NDArray[np.float32], k: int, subset: Subset | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The k best products for each query; a product counts by the best of its vectors.

        Law: the answer is the one that a search over the products of the subset alone would give, exactly where
        `exact`, within the recall that the manifest reports elsewhere. Where there are k products, k are returned.

        Args:
            queries: (N, D) float32, L2-normalised.
            k: products wanted, at least 1.
            subset: the products that may be returned; None = all.

        Returns:
            (N, k) int64 product rows and (N, k) float32 cosines, best first, equal ones ordered by product row; -1 and
            -1.0 where there are no more.
        """
        ...

    def vectors(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """The stored vectors (..., D) at positions of any shape, as they were written."""
        ...

    def spread(self, most: int) -> NDArray[np.int64]:
        """At most so many positions, evenly spread over all of them, in order."""
        ...


class Kind(Protocol):
    """A way of keeping and searching vectors."""

    name: str
    """As users write it, e.g. "ivf-pq"."""
    least: int
    """Vectors that a type needs for this kind; a type with fewer stays flat."""

    def write(self, job: Writing) -> dict[str, Any]:
        """Write what opening needs into the generation's folder.

        Returns:
            What the manifest is to say of it, as JSON: "bytes_per_vector" (float, main memory that searching takes),
            "recall" (float, recall@10 against exact search measured on a sample; 1.0 where exact), and whatever
            `open` needs.

        Raises:
            CatalogError: it cannot be written.
            BackendError: something is not installed; the message names the extra.
        """
        ...

    def open(self, part: Part) -> TypeIndex:
        """Make a type's vectors searchable.

        Raises:
            CatalogError: what is there does not fit the manifest.
            BackendError: something is not installed, or a device is missing; the message names the extra.
            FileNotFoundError: a file is missing.
        """
        ...

    def discard(self, folder: Path) -> None:
        """Remove what belongs to a generation, finished or not, and is kept outside its folder.

        Called before a generation's folder is removed, where the folder holds the file `REMOTE`, which a kind that
        keeps things elsewhere writes first; must not raise where they are gone already.
        """
        ...


KEPT = "kept.db"
"""Name of a folder in a generation's, for a kind whose library changes its files while they are read: not hashed."""
REMOTE = "remote.json"
"""Name of the file that says that parts of a generation are kept elsewhere: {"kind": name, ...}."""
