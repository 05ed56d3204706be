"""Thresholds of the tiers "exact" and "similar", chosen on validation scores for catalogues of every size.

How: every held-out garment asks the gallery with its own product taken out, since in a film most clothes are of no shop
at hand. Only products of the query's likeliest types are searched, as at run time. "exact" is the least evidence that
no more than 3 % of these answers reach, "similar" what 25 % of them reach. The more is searched, the more alike is the
best wrong product (extreme values grow with the logarithm of the number), so the gallery is halved again and again and
the thresholds are chosen for each number of vectors compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from matcher.stages.tiers import FALLBACK

FALSE = {"exact": 0.03, "similar": 0.25}  # shares that may reach a tier although the product is absent
_LEAST_ANSWERS = 200  # fewer tell too little about a size
_LEAST_GALLERY = 32
_LEAST_POWER = 3  # of two: where fewer are compared, the thresholds for eight hold; being alone makes nothing exact
_MOST_DRAWS = 8  # of a small gallery out of the whole one
_SEED = 650_000_000


def shrunk(types: NDArray[np.int64]) -> Iterator[NDArray[np.bool_]]:
    """(G,) rows that stay: all of them, then halves, quarters and so on, several draws of each, of all types alike.

    Args:
        types: (G,) type ids of the gallery.
    """
    rng, gallery, parts = np.random.default_rng(_SEED), len(types), 1
    while parts == 1 or gallery >= _LEAST_GALLERY * parts:
        for _ in range(min(parts, _MOST_DRAWS)):
            place = np.empty(gallery, np.int64)
            for type_id in np.unique(types):
                mine = np.flatnonzero(types == type_id)
                place[mine] = rng.permutation(len(mine)) * parts // len(mine)
            yield place == 0
        parts *= 2


def absent_answers(
    scores: NDArray[np.float32], query_types: NDArray[np.int64], gallery_types: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The best answer of each query whose product is not there, in galleries of all sizes.

    Args:
        scores: (Q, G); query i's product is gallery row i.
        query_types: (Q,) type ids.
        gallery_types: (G,) type ids.

    Returns:
        (N,) vectors compared and (N,) best scores; queries that had nothing to be compared with are left out.
    """
    rows = np.arange(len(scores))
    others = query_types[:, None] == gallery_types[None, :]
    others[rows, rows] = False
    searched, best = [], []
    for kept in shrunk(gallery_types):
        allowed = others & kept
        searched.append(allowed.sum(1))
        best.append(np.where(allowed, scores, -1.0).max(1))
    counts, found = np.concatenate(searched), np.concatenate(best).astype(np.float32)
    return counts[counts > 0], found[counts > 0]


def calibrate(
    scores: NDArray[np.float32], query_types: NDArray[np.int64], gallery_types: NDArray[np.int64]
) -> dict[str, Any]:
    """The card's section `calibration`; arguments as for `absent_answers`."""
    return thresholds_by_size(*absent_answers(scores, query_types, gallery_types))


def thresholds_by_size(
    searched: NDArray[np.int64], evidence: NDArray[np.float32], clear: NDArray[np.bool_] | None = None
) -> dict[str, Any]:
    """Thresholds for each number of vectors compared.

    Args:
        searched: (N,) vectors compared for each answer, at least 1.
        evidence: (N,) of the best of them, where the product that is asked for is absent.
        clear: (N,) whether it is far enough ahead of the next one to be exact; all when None.

    Returns:
        {"exact", "similar": for the largest number, "sizes": {"searched": [..] rising, "exact": [..], "similar": [..]
        never falling, "growth": {"exact", "similar"}: what is added for each e-fold beyond the largest number}}; the
        matcher's own thresholds where there are no answers.
    """
    if not len(searched):
        return dict(FALLBACK)
    groups = [np.flatnonzero(np.log2(searched).round() == power) for power in range(_LEAST_POWER, 64)]
    groups = [group for group in groups if len(group) >= _LEAST_ANSWERS] or [np.arange(len(searched))]
    numbers = np.array([np.exp(np.log(searched[group]).mean()) for group in groups])
    weights = np.array([len(group) for group in groups], np.float64)
    never = np.where(np.ones(len(searched), bool) if clear is None else clear, evidence, np.float32(-1))
    asked = {"exact": never, "similar": evidence}
    found = {tier: [threshold_for_false(asked[tier][one], share) for one in groups] for tier, share in FALSE.items()}
    # Rounded up: rounded down, a false answer might reach it again.
    rising = {tier: np.ceil(isotonic_regression(least, weights=weights).x * 1e4) / 1e4 for tier, least in found.items()}
    # Where hardly a wrong answer is clear, low ones would be exact.
    rising["exact"] = np.maximum(rising["exact"], rising["similar"])
    growth = {tier: round(_growth(numbers, least), 4) for tier, least in rising.items()}
    sizes = {"searched": numbers.round().astype(int).tolist(), **{tier: one.tolist() for tier, one in rising.items()}}
    return {**{tier: float(one[-1]) for tier, one in rising.items()}, "sizes": {**sizes, "growth": growth}}


def _growth(numbers: NDArray[np.float64], least: NDArray[np.float64]) -> float:
    """How much a threshold rises with each e-fold, over the largest numbers measured."""
    near = numbers >= numbers[-1] / 16
    return max(float(np.polyfit(np.log(numbers[near]), least[near], 1)[0]), 0.0) if near.sum() > 1 else 0.0


def threshold_for_false(absent: NDArray[np.float32], share: float) -> float:
    """Lowest threshold that at most a share of answers reach although the true product is absent.

    Args:
        absent: (N,) evidence of the best answer of each query whose product was taken out.
        share: of 1.

    Returns:
        The threshold, a little above the highest of the scores that must not reach it.
    """
    if not len(absent):
        return 1.0
    highest = np.sort(absent)[::-1]
    place = min(int(share * len(highest)), len(highest) - 1)
    return float(np.nextafter(np.float32(highest[place]), np.float32(2)))
