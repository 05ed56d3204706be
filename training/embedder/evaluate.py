"""Does an embedding find held-out garments again? Recall against the baselines, and thresholds for the tiers.

Protocol: each held-out garment is shown once as a shop shows it (gallery) and once as it is worn (query), through
warps of the validation family, which training never uses. All training garments join the gallery as distractors.
"Hard" asks for the right garment among the 50 of its type whose colours are nearest to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.augment.cloth import WAVE
from training.data.garment_crops import FLAT, TRAIN, VALIDATION, WORN, Garments
from training.embedder.baselines import Describe
from training.embedder.sampler import PairSource
from training.embedder.views import shop_view, worn_view

_HARD = 50
_SEED = 77_000_000  # far from any training seed


@dataclass(frozen=True)
class Shown:
    """Views of garments: crops (N, S, S, 3) uint8, masks (N, S, S) float32, identity and type id of each row."""

    crops: NDArray[np.uint8]
    masks: NDArray[np.float32]
    names: NDArray[np.str_]
    types: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Retrieval:
    """Shares of 1 over `queries`; `gallery` is what was searched."""

    queries: int
    gallery: int
    recall1: float
    recall5: float
    recall20: float
    hard1: float


def show(garments: Garments, size: int, margin: float, distractors: int | None = None) -> tuple[Shown, Shown]:
    """Make queries and gallery.

    Args:
        garments: all rows; queries come from the validation split.
        size: side of the crops.
        margin: of the crops.
        distractors: so many training garments at most join the gallery; None = all.

    Returns:
        Queries and gallery; the gallery starts with the garments of the queries, in their order.
    """
    rng = np.random.default_rng(_SEED)
    held, other = PairSource(garments, VALIDATION), PairSource(garments, TRAIN)
    pairs = [held.pair(name, rng) for name in held.identities]
    stride = 1 if distractors is None else max(len(other.identities) // max(distractors, 1), 1)
    extra = other.identities[::stride]
    more = [other.pair(name, rng) for name in extra]
    scenery = garments.find(TRAIN, (WORN, FLAT))
    behind = [garments[i] for i in rng.choice(scenery, len(pairs))]
    worn = [worn_view(garments[p.worn], b, rng, size, margin, WAVE) for p, b in zip(pairs, behind, strict=True)]
    shop = [shop_view(garments[p.shop], rng, size, margin, WAVE) for p in pairs + more]
    types = np.array([p.type_id for p in pairs + more])
    names = np.array([*held.identities, *extra])
    return _shown(worn, names[: len(pairs)], types[: len(pairs)]), _shown(shop, names, types)


def _shown(views: list, names: NDArray, types: NDArray) -> Shown:
    crops, masks = zip(*views, strict=True)
    return Shown(np.stack(crops), np.stack(masks), names, types)


def retrieve(scores: NDArray[np.float32], queries: Shown, gallery: Shown, nearness: NDArray[np.float32]) -> Retrieval:
    """Recalls of a score matrix.

    Args:
        scores: (Q, G); query i's own garment is gallery row i.
        queries: Q views.
        gallery: G views.
        nearness: (Q, G) of gallery rows 0..Q-1 to all gallery rows by colour; says what is "hard".
    """
    own = scores[np.arange(len(queries)), np.arange(len(queries))]
    ranks = (scores > own[:, None]).sum(1)
    hard = np.mean([_hard_hit(i, scores[i], queries, gallery, nearness[i]) for i in range(len(queries))])
    recalls = (float((ranks < k).mean()) for k in (1, 5, 20))
    return Retrieval(len(queries), len(gallery), *recalls, float(hard))


def _hard_hit(i: int, row: NDArray, queries: Shown, gallery: Shown, nearness: NDArray) -> bool:
    rivals = np.flatnonzero(gallery.types == queries.types[i])
    rivals = rivals[rivals != i]
    rivals = rivals[np.argsort(-nearness[rivals], kind="stable")[:_HARD]]
    return bool((row[rivals] < row[i]).all())


def compare(
    describers: dict[str, Describe], queries: Shown, gallery: Shown, colours: Describe
) -> tuple[dict[str, dict[str, Retrieval]], dict[str, NDArray[np.float32]]]:
    """Recalls of several descriptions on the same views.

    Args:
        describers: name to description.
        queries: worn views.
        gallery: shop views.
        colours: the description that says which garments are alike in colour.

    Returns:
        Name to source ("all", "flat", "street", "drawn") to recalls, and name to its score matrix (Q, G).
    """
    by_colour = colours(gallery.crops, gallery.masks)
    nearness = by_colour[: len(queries)] @ by_colour.T
    results, matrices = {}, {}
    for name, describe in describers.items():
        scores = describe(queries.crops, queries.masks) @ describe(gallery.crops, gallery.masks).T
        matrices[name] = scores
        results[name] = _by_source(scores, queries, gallery, nearness)
    return results, matrices


def _by_source(scores: NDArray, queries: Shown, gallery: Shown, nearness: NDArray) -> dict[str, Retrieval]:
    sources = np.array([name.split("-")[0] for name in queries.names])
    result = {"all": retrieve(scores, queries, gallery, nearness)}
    for source in sorted(set(sources)):
        rows = np.flatnonzero(sources == source)
        # Own garments of the chosen queries first, as `retrieve` expects.
        order = np.concatenate([rows, np.setdiff1d(np.arange(len(gallery)), rows)])
        part, whole = _take(queries, rows), _take(gallery, order)
        result[source] = retrieve(scores[np.ix_(rows, order)], part, whole, nearness[np.ix_(rows, order)])
    return result


def _take(shown: Shown, rows: NDArray[np.int64]) -> Shown:
    # The pictures are not needed any more, and copying them is.
    return Shown(shown.crops[:0], shown.masks[:0], shown.names[rows], shown.types[rows])
