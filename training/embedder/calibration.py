"""Thresholds of the tiers "exact" and "similar", chosen on validation scores.

How: every held-out garment asks the gallery twice, once as it is and once with its own product taken out, so that the
true product is absent half of the time, as in a film most clothes are of no shop at hand. Only products of the
query's type are searched, as at run time. "exact" is the lowest score that at most 1 % of the answers reach whose
product is absent; where fewer than half of the right answers would stay exact, 2 %. "similar" is the lowest score t
such that half of the answers that score t or more are right; a threshold that fewer than 20 answers reach is not
trusted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIMILAR_PRECISION = 0.5
FALSE_EXACT = (0.01, 0.02)  # shares that may be exact although the product is absent, best first
USEFUL = 0.5  # share of the right answers that are to stay exact
_LEAST = 20


def best_answers(
    scores: NDArray[np.float32], query_types: NDArray[np.int64], gallery_types: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The best answer of each query, with its product in the gallery and without.

    Args:
        scores: (Q, G); query i's product is gallery row i.
        query_types: (Q,) type ids.
        gallery_types: (G,) type ids.

    Returns:
        Scores (2Q,) and whether the answer is right (2Q,).
    """
    allowed = np.where(query_types[:, None] == gallery_types[None, :], scores, -1.0)
    rows = np.arange(len(scores))
    right = allowed.argmax(1) == rows
    present = allowed.max(1)
    allowed[rows, rows] = -1.0
    return np.concatenate([present, allowed.max(1)]), np.concatenate([right, np.zeros(len(rows), bool)])


def threshold_for(scores: NDArray[np.float32], right: NDArray[np.bool_], precision: float) -> float:
    """Lowest score from which on the answers have a precision.

    Args:
        scores: (N,) of best answers.
        right: (N,) whether each is right.
        precision: wanted share of right ones.

    Returns:
        The threshold; a little above the highest score when the precision is never reached.
    """
    order = np.argsort(-scores, kind="stable")
    shares = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero((shares >= precision) & (np.arange(1, len(order) + 1) >= min(_LEAST, len(order))))
    return float(scores[order[good[-1]]]) if len(good) else float(scores.max()) + 1e-3


def calibrate(
    scores: NDArray[np.float32], query_types: NDArray[np.int64], gallery_types: NDArray[np.int64]
) -> dict[str, float]:
    """The card's section `calibration`; arguments as for `best_answers`."""
    best, right = best_answers(scores, query_types, gallery_types)
    present, absent = np.split(np.arange(len(best)), 2)
    exact = choose_exact(best[present][right[present]], best[absent])
    return {"exact": round(exact, 4), "similar": round(min(threshold_for(best, right, SIMILAR_PRECISION), exact), 4)}


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


def choose_exact(right: NDArray[np.float32], absent: NDArray[np.float32]) -> float:
    """Least evidence of "exact".

    Args:
        right: evidence of the right answers.
        absent: evidence of the answers when the product is taken out.
    """
    for share in FALSE_EXACT:
        exact = threshold_for_false(absent, share)
        if (right >= exact).mean() >= USEFUL:
            break
    return exact
