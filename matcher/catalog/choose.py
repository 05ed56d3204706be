"""Which kind of index suits a catalogue: by the size of its types and the memory there is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from matcher.catalog.interface import KindOptions
from matcher.catalog.kinds import AUTO, kind_of
from matcher.errors import CatalogError

# A judgement from the figures at 100,000 vectors in docs/scale.md; in between nothing was measured.
FLAT_UP_TO = 50_000
HNSW_UP_TO = 250_000
_HNSW_LINKS = 280  # bytes a vector
_CGROUP = Path("/sys/fs/cgroup/memory.max")
_GIB = 1 << 30


@dataclass(frozen=True)
class Plan:
    """What a catalogue is going to be.

    Attributes:
        kind: of its large types; flat where there are none.
        types: type name -> its kind: that one, or flat where the type is too small for it.
        reason: one line for people.
    """

    kind: str
    types: dict[str, str]
    reason: str


def check_kind(name: str) -> str:
    """The name itself, of a kind or "auto".

    Raises:
        CatalogError: it is neither.
        BackendError: what the kind needs is not installed.
    """
    if name != AUTO:
        kind_of(name)
    return name


def plan(counts: Mapping[str, int], dimension: int, options: KindOptions) -> Plan:
    """Choose the kind of each type.

    Args:
        counts: vectors of each type.
        dimension: their length.
        options: a kind that is asked for is taken, and "auto" or None chosen by size and memory.

    Raises:
        CatalogError: there is no such kind.
    """
    asked = check_kind(options.kind or AUTO)
    kind, why = (asked, "asked for") if asked != AUTO else _suitable(counts, dimension, options)
    least = kind_of(kind).least
    small = [name for name, count in counts.items() if count < least]
    if small and len(small) == len(counts):
        why = f"every type has fewer than the {least} vectors that {kind} needs ({why})"
        return Plan("flat", dict.fromkeys(counts, "flat"), f"flat: {why}")
    if small:
        why += f"; flat where a type has fewer than {least} vectors: {', '.join(small)}"
    return Plan(kind, {name: "flat" if name in small else kind for name in counts}, f"{kind}: {why}")


def _suitable(counts: Mapping[str, int], dimension: int, options: KindOptions) -> tuple[str, str]:
    total, largest = sum(counts.values()), max(counts.values(), default=0)
    memory = memory_for_search() if options.memory is None else options.memory
    flat, graph = 4 * dimension * total, (4 * dimension + _HNSW_LINKS) * total
    size = f"the largest type has {largest} vectors"
    if flat > memory:
        return "ivf-pq", f"{total} vectors take {flat / _GIB:.1f} GiB, and searching may take {memory / _GIB:.1f}"
    if largest <= FLAT_UP_TO:
        return "flat", f"{size}, few enough to compare each ({flat / _GIB:.2f} GiB)"
    if largest <= HNSW_UP_TO and graph <= memory:
        return "hnsw", f"{size}, too many to compare each; graphs take {graph / _GIB:.1f} of {memory / _GIB:.1f} GiB"
    return "ivf-flat", f"{size}, too many to compare each or to build graphs of ({flat / _GIB:.1f} GiB, mapped)"


def memory_for_search() -> int:
    """A quarter of the memory that this process may have, in bytes."""
    return machine_memory() // 4


def machine_memory() -> int:
    """Memory of this machine, or of the container around us where that has less, in bytes."""
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = _CGROUP.read_text(encoding="ascii").strip()
    except OSError:
        return there
    return min(there, int(limit)) if limit.isdigit() else there


def check_options(options: KindOptions) -> None:
    """Refuse what makes no sense.

    Raises:
        CatalogError: a kind is unknown, or a number is out of range.
    """
    check_kind(options.kind or AUTO)
    if not 0 < options.recall <= 1:
        raise CatalogError(f"the recall to reach is a share between 0 and 1, not {options.recall}")
    if options.memory is not None and options.memory < 1:
        raise CatalogError(f"the memory for searching must be positive, not {options.memory}")
