"""Does a worn garment find its own shop photo? Held-out products on held-out people, among 3,000 distractors.

The products are the validation photos of single garments, the wearers the validation photos of the street. The product
is put on by the family of warps that training never uses. Two ways: boxes and masks are given and everything is
searched; and they are found by the bundle's detector, and the likeliest types are searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets import data_folder
from benchmarks.detail import is_printed
from benchmarks.entrants import HISTOGRAM, Entrant
from benchmarks.gallery import distractors, products
from benchmarks.items import ItemList, stored
from benchmarks.located import Kept, joined
from benchmarks.recall import Task, allowed_types, figures, found_under, lost_by_doubt, rivals_of
from benchmarks.vectors import Vectors
from benchmarks.worn import FAULTS, worn_items
from matcher.bundle import Bundle
from matcher.config import LookupConfig
from matcher.stages.lookup import asked_types
from matcher.taxonomy import TYPES
from matcher.video.image import read_image
from training.evaluation.output import Progress, silent

DISTRACTORS = 3000
QUICK_STEP = 4  # a quick run takes every fourth product and a sixth of the distractors
QUICK_DISTRACTORS = 500
_LISTS = "1"  # raise it when the gallery's lists change


@dataclass(frozen=True)
class Shop:
    """What is searched: the products, then the distractors; `queries` wear some of the products."""

    products: ItemList
    distractors: ItemList
    queries: ItemList

    @property
    def own(self) -> NDArray[np.int64]:
        """(Q,) row of each query's product."""
        rows = {item.identity: row for row, item in enumerate(self.products)}
        return np.array([rows[query.identity] for query in self.queries], np.int64)

    @property
    def types(self) -> NDArray[np.int64]:
        """(G,) type ids of products and distractors."""
        return np.concatenate([self.products.types, self.distractors.types])


def try_on(
    bundle: Bundle,
    entrants: Sequence[Entrant],
    cache: Path,
    quick: bool,
    workers: int,
    progress: Progress = silent,
    faults: float = FAULTS,
    lookup: LookupConfig | None = None,
) -> dict[str, Any]:
    """Run the benchmark.

    Args:
        bundle: whose detector and classifier find the garments.
        entrants: what is compared; one of them must be the histogram, which says which products look alike.
        cache: folder for photos, boxes and vectors, which are made once.
        quick: a sample of the queries and distractors.
        workers: threads.
        progress: wraps what takes time.
        faults: of the camera that films the worn garments, 0..1.
        lookup: which types are searched where garments are found; as the matcher does when None.

    Returns:
        {"camera", "types_searched", "products", "gallery", "queries", "undetected", "type_missed",
        "given": {name: figures}, "found": {name: figures}}; figures as from `benchmarks.recall.figures`. `undetected`
        and `type_missed` are shares of the queries: the detector did not find the garment, or its product is not
        listed under the types that are searched, of which there are `types_searched` on average.

    Raises:
        InputError: there is no data.
    """
    shop = make_shop(data_folder(), cache, quick, workers, progress, faults)
    kept = Kept(entrants, bundle, cache, workers, progress)
    given = joined(kept.given(shop.products), kept.given(shop.distractors))
    places, shown = shown_gallery(kept, shop.products, shop.distractors)
    seen, worn = kept.worn(shop.queries)
    rivals = rivals_of(shop.own, given[HISTOGRAM], shop.types)
    under = found_under(shop.types, places)
    probs = asked_types(seen.type_probs, lookup or LookupConfig())
    filtered, lost = allowed_types(probs, under), lost_by_doubt(probs, under, (lookup or LookupConfig()).type_doubt)
    everything, all_found = np.ones_like(filtered), np.ones_like(seen.found)
    easy = Task(shop.own, everything, all_found, rivals, _groups(shop))
    real = replace(easy, allowed=filtered, found=seen.found, lost=lost)
    searched = filtered[np.arange(len(filtered)), shop.own]
    return {
        "camera": faults,
        "types_searched": round(float((probs > 0).sum() / max(len(probs), 1)), 2),
        "products": len(shop.products),
        "gallery": len(shop.types),
        "queries": len(shop.queries),
        "undetected": round(float(1 - seen.found.mean()), 4),
        "type_missed": round(float((seen.found & ~searched).mean()), 4),
        "given": judge(entrants, kept.given(shop.queries), given, easy),
        "found": judge(entrants, worn, shown, real),
    }


def make_shop(
    data: Path, cache: Path, quick: bool, workers: int = 1, progress: Progress = silent, faults: float = FAULTS
) -> Shop:
    """Products, distractors and queries; lists and photos are kept in the cache."""
    step, count = (QUICK_STEP, QUICK_DISTRACTORS) if quick else (1, DISTRACTORS)
    path = cache / f"products-{_LISTS}-{step}.json"
    own = stored(path, data, lambda: progress(products(data, step, workers), "products"))
    others = distractor_list(data, cache, count, workers, progress)
    return Shop(own, others, worn_items(data, own, cache, workers, progress, faults))


def distractor_list(data: Path, cache: Path, count: int, workers: int = 1, progress: Progress = silent) -> ItemList:
    """The distractors; the list is kept in the cache."""
    path = cache / f"distractors-{_LISTS}-{count}.json"
    return stored(path, data, lambda: progress(distractors(data, count, workers), "distractors", count))


def shown_gallery(kept: Kept, own: ItemList, others: ItemList) -> tuple[NDArray[np.float32], Vectors]:
    """What products and distractors look like as the indexer finds them, types (G, T), and their vectors by name."""
    (places, vectors), (other_places, other_vectors) = kept.shown(own), kept.shown(others)
    return np.concatenate([places.type_probs, other_places.type_probs]), joined(vectors, other_vectors)


def judge(entrants: Sequence[Entrant], queries: Vectors, gallery: Vectors, task: Task) -> dict[str, Any]:
    """Figures of every entrant by name."""
    return {one.name: figures(queries[one.name] @ gallery[one.name].T, task, one.thresholds) for one in entrants}


def _groups(shop: Shop) -> dict[str, NDArray[np.bool_]]:
    """Queries by type, and by whether the shop photo shows a print or pattern."""
    printed = np.zeros(len(shop.products), bool)
    for path, rows in shop.products.pictures():
        image = read_image(path)
        for row in rows:
            printed[row] = is_printed(shop.products.items[row].view(image))
    asked, types = printed[shop.own], shop.queries.types
    by_type = {TYPES[i]: types == i for i in np.unique(types)}
    return {"printed": asked, "plain": ~asked, **by_type}
