"""Does a worn garment find its own shop photo? Held-out products on held-out people, among 3,000 distractors.

The products are the validation photos of single garments, the wearers the validation photos of the street. The product
is put on by the family of warps that training never uses. Two ways: boxes and masks are given and everything is
searched; and they are found by the bundle's detector, and the two likeliest types are searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import places
from benchmarks.cache import code_key, key_of
from benchmarks.datasets import data_folder
from benchmarks.detail import is_printed
from benchmarks.entrants import HISTOGRAM, Entrant
from benchmarks.gallery import distractors, products
from benchmarks.items import ItemList, stored
from benchmarks.places import Finder, Places
from benchmarks.recall import Task, allowed_types, figures, rivals_of
from benchmarks.vectors import Vectors, vectors_of
from benchmarks.worn import worn_items
from indexer import describe
from matcher import boxes
from matcher.bundle import Bundle
from matcher.stages import classify, detect
from matcher.stages.models import Runtime
from matcher.taxonomy import TYPES
from training.evaluation.output import Progress, silent

DISTRACTORS = 3000
QUICK_STEP = 4  # a quick run takes every fourth product and a sixth of the distractors
QUICK_DISTRACTORS = 500
TOP_TYPES = 2
_LISTS = "1"  # raise it when the gallery's lists change


@dataclass(frozen=True)
class Shop:
    """What is searched: `items` are the products, then the distractors; `queries` wear some of the products."""

    items: ItemList
    queries: ItemList
    products: int

    @property
    def own(self) -> NDArray[np.int64]:
        """(Q,) row of each query's product."""
        rows = {item.identity: row for row, item in enumerate(self.items)}
        return np.array([rows[query.identity] for query in self.queries], np.int64)


def try_on(
    bundle: Bundle, entrants: Sequence[Entrant], cache: Path, quick: bool, runtime: Runtime, progress: Progress = silent
) -> dict[str, Any]:
    """Run the benchmark.

    Args:
        bundle: whose detector and classifier find the garments.
        entrants: what is compared; one of them must be the histogram, which says which products look alike.
        cache: folder for photos, boxes and vectors, which are made once.
        quick: a sample of the queries and distractors.
        runtime: where the bundle's models run.
        progress: wraps what takes time.

    Returns:
        {"products", "gallery", "queries", "undetected", "given": {name: figures}, "found": {name: figures}}; figures
        as from `benchmarks.recall.figures`.

    Raises:
        InputError: there is no data.
    """
    shop = make_shop(data_folder(), cache, quick, progress)
    given = {
        "gallery": vectors_of(entrants, shop.items, _given(shop.items), "given", cache, progress),
        "queries": vectors_of(entrants, shop.queries, _given(shop.queries), "given", cache, progress),
    }
    there, seen = _places(bundle, shop, cache, runtime, progress)
    detector = _detector_key(bundle)
    found = {
        "gallery": vectors_of(entrants, shop.items, there.view, detector, cache, progress),
        "queries": vectors_of(entrants, shop.queries, _found(seen), detector, cache, progress),
    }
    rivals = rivals_of(shop.own, given["gallery"][HISTOGRAM], shop.items.types)
    groups = _groups(shop)
    everything = np.ones((len(shop.queries), len(shop.items)), bool)
    filtered = allowed_types(seen.type_probs, shop.items.types, TOP_TYPES)
    easy = Task(shop.own, everything, np.ones(len(shop.queries), bool), rivals, groups)
    real = Task(shop.own, filtered, seen.found, rivals, groups)
    return {
        "products": shop.products,
        "gallery": len(shop.items),
        "queries": len(shop.queries),
        "undetected": round(float(1 - seen.found.mean()), 4),
        "type_missed": round(float((seen.found & ~filtered[np.arange(len(filtered)), shop.own]).mean()), 4),
        "given": _judge(entrants, given, easy),
        "found": _judge(entrants, found, real),
    }


def make_shop(data: Path, cache: Path, quick: bool, progress: Progress = silent) -> Shop:
    """Products, distractors and queries; lists and photos are kept in the cache."""
    step, count = (QUICK_STEP, QUICK_DISTRACTORS) if quick else (1, DISTRACTORS)
    own = stored(cache / f"products-{_LISTS}-{step}.json", data, lambda: progress(products(data, step), "products"))
    others = distractor_list(data, cache, count, progress)
    queries = worn_items(data, own, cache, progress=progress)
    return Shop(ItemList(data, own.items + others.items), queries, len(own))


def distractor_list(data: Path, cache: Path, count: int, progress: Progress = silent) -> ItemList:
    """The distractors; the list is kept in the cache."""
    path = cache / f"distractors-{_LISTS}-{count}.json"
    return stored(path, data, lambda: progress(distractors(data, count), "distractors", count))


def _given(items: ItemList) -> Any:
    return lambda row, image: items.items[row].view(image)


def _found(seen: Places) -> Any:
    return lambda row, image: seen.view(row, image) if seen.found[row] else None


def _detector_key(bundle: Bundle) -> str:
    """The same for bundles whose boxes, masks and types are the same."""
    names = ("detector.file", "detector.mask_file", "classifier.file")
    files = [bundle.model(name.split(".")[0])[name.split(".")[1]] for name in names]
    settings = {key: value for key, value in bundle.model("detector").items() if key != "measured"}
    code = code_key((boxes, detect, classify, describe, places))
    return f"{[bundle.card['files'][file] for file in files]}{settings}{code}"


def _places(bundle: Bundle, shop: Shop, cache: Path, runtime: Runtime, progress: Progress) -> tuple[Places, Places]:
    """Where the detector sees the gallery and the queries, from the cache where it was asked before."""
    key = _detector_key(bundle)
    paths = [cache / f"places-{key_of(items.key, key)}.npz" for items in (shop.items, shop.queries)]
    if not all(path.is_file() for path in paths):
        finder = Finder(bundle, runtime)
        finder.shown(shop.items, progress).save(paths[0])
        finder.worn(shop.queries, progress).save(paths[1])
    return Places.load(paths[0]), Places.load(paths[1])


def _groups(shop: Shop) -> dict[str, NDArray[np.bool_]]:
    """Queries by type, and by whether the shop photo shows a print or pattern."""
    own = ItemList(shop.items.root, shop.items.items[: shop.products])
    printed = np.zeros(shop.products, bool)
    for image, rows in own.pictures():
        for row in rows:
            printed[row] = is_printed(own.items[row].view(image))
    asked = printed[shop.own]
    types = shop.queries.types
    by_type = {TYPES[i]: types == i for i in np.unique(types)}
    return {"printed": asked, "plain": ~asked, **by_type}


def _judge(entrants: Sequence[Entrant], vectors: dict[str, Vectors], task: Task) -> dict[str, Any]:
    scores = {one.name: vectors["queries"][one.name] @ vectors["gallery"][one.name].T for one in entrants}
    return {one.name: figures(scores[one.name], task, one.thresholds) for one in entrants}
