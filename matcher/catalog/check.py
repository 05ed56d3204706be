"""Is a catalogue sound? Hashes, counts, vectors, and whether each product finds itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matcher.catalog import folder
from matcher.catalog.catalog import Catalog
from matcher.catalog.generation import Generation
from matcher.catalog.interface import KEPT, TypeIndex
from matcher.catalog.manifest import NAME as MANIFEST
from matcher.catalog.manifest import verify_file
from matcher.catalog.recall import measured
from matcher.errors import CatalogError
from matcher.taxonomy import TYPES

_BLOCK = 4096
# By so much the recall on one sample of 256 queries may lie below that on another; seen are differences of 0.01.
_TOLERANCE = 0.03


@dataclass(frozen=True)
class Findings:
    """What a check found.

    Attributes:
        problems: one line each; none in a sound catalogue.
        vectors: how many were searched for.
        self_recall: share of them whose best match is their own product, or one with an equal vector.
        doubles: vectors for which an equal one belongs to another product.
    """

    problems: tuple[str, ...]
    vectors: int = 0
    self_recall: float = 0.0
    doubles: int = 0


def check(path: Path | str, most_vectors: int = 20_000) -> Findings:
    """Check the current generation of a catalogue.

    Args:
        path: the catalogue's folder.
        most_vectors: of each type, at most this many, evenly spread, are searched for.

    Raises:
        CatalogError: there is no catalogue at all.
    """
    root = Path(path)
    folder.current(root)
    try:
        generation = Catalog.load(root).snapshot()
    except CatalogError as error:
        return Findings((str(error),))
    problems = [*_file_problems(generation), *_count_problems(generation)]
    searched, found, doubles = 0, 0, 0
    for name, sub in generation.types.items():
        problems.extend([*_vector_problems(name, sub), *_recall_problems(generation, name, sub)])
        counts = _self_search(generation, name, sub, most_vectors)
        problems.extend(_self_problems(name, *counts[:2], _promised(generation, name, sub)))
        searched, found, doubles = (a + b for a, b in zip((searched, found, doubles), counts, strict=True))
    return Findings(tuple(problems), searched, found / searched if searched else 1.0, doubles)


def _promised(generation: Generation, name: str, sub: TypeIndex) -> float:
    """The share of the right answers that searches of a type must give."""
    says = generation.manifest.types[name].get("recall", 1.0)
    return 1.0 if sub.exact else says - _TOLERANCE


def _self_problems(name: str, searched: int, found: int, promised: float) -> Iterator[str]:
    if found < promised * searched:
        yield f"{name}: {searched - found} of {searched} vectors do not find their own product"


def _recall_problems(generation: Generation, name: str, sub: TypeIndex) -> Iterator[str]:
    """Measured anew, with other queries than those the manifest's figure comes from."""
    if sub.exact:
        return
    now, promised = measured(sub, seed=3), _promised(generation, name, sub)
    if now < promised:
        yield f"{name}: searches find {now:.1%} of the ten best products, the manifest says {promised + _TOLERANCE:.1%}"


def _file_problems(generation: Generation) -> Iterator[str]:
    listed = generation.manifest.files
    for name in listed:
        try:
            verify_file(generation.folder, generation.manifest, name)
        except CatalogError as error:
            yield str(error)
        except FileNotFoundError:
            yield f"{generation.folder / name} is missing"
    for entry in sorted(generation.folder.iterdir()):
        if entry.name not in listed and entry.name not in (MANIFEST, KEPT):
            yield f"{entry} does not belong there: the manifest does not list it"


def _count_problems(generation: Generation) -> Iterator[str]:
    manifest = generation.manifest
    own = {name: generation.table.own(name) for name in generation.types}
    total = sum(int(mine.sum()) for mine in own.values())
    if total != manifest.vectors:
        yield f"there are {total} vectors, the manifest says {manifest.vectors}"
    covered = np.zeros(len(generation), bool)
    for name, sub in generation.types.items():
        says, mine = manifest.types[name], own[name]
        products, others = np.unique(sub.owners[mine]).tolist(), np.unique(sub.owners[~mine]).tolist()
        listed = int((~mine).sum())
        covered[products] = True
        if len(products) != says["products"]:
            yield f"{name}: there are {len(products)} products, the manifest says {says['products']}"
        if listed != says.get("listed", 0):
            yield f"{name}: {listed} vectors of other types, the manifest says {says.get('listed', 0)}"
        wrong = [row for row in products if generation.product(row).type != name]
        if wrong:
            yield f"{name}: {len(wrong)} products are of another type in the product table"
        wrong = [row for row in others if generation.product(row).type == name]
        if wrong:
            yield f"{name}: {len(wrong)} products are listed as if they were of another type"
    if generation.types and not covered.all():
        yield f"{np.count_nonzero(~covered)} products have no vector"


def _vector_problems(name: str, sub: TypeIndex) -> Iterator[str]:
    bad = 0
    for start in range(0, len(sub.owners), _BLOCK):
        positions = np.arange(start, min(start + _BLOCK, len(sub.owners)))
        lengths = np.linalg.norm(sub.vectors(positions), axis=1)
        bad += np.count_nonzero(~(np.abs(lengths - 1) < 1e-3))  # NaN is bad too
    if bad:
        yield f"{name}: {bad} vectors are not finite or not of length 1"


def _self_search(generation: Generation, name: str, sub: TypeIndex, most: int) -> tuple[int, int, int]:
    """Vectors searched for, how many found their own product or an equal one, how many have an equal elsewhere."""
    positions = sub.spread(most)
    probs = np.tile(np.eye(len(TYPES), dtype=np.float32)[TYPES.index(name)], (len(positions), 1))
    vectors = sub.vectors(positions)
    rows, scores = generation.search(vectors, probs, k=2, top_types=1)
    # A vector's product with itself; what is as near is the same vector.
    equal = (scores >= np.square(vectors).sum(1, keepdims=True) - 1e-5) & (rows >= 0)
    own = rows == sub.owners[positions][:, None]
    found = own[:, 0] | (equal[:, 0])
    return len(positions), int(found.sum()), int((equal & ~own).any(1).sum())
