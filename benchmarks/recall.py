"""Recall of a retrieval benchmark: all queries and parts of them, against everything and against look-alikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.catalog.listing import also_listed, doubts
from matcher.stages.settle import Thresholds, settle_single
from matcher.taxonomy import TYPE_IDS, TYPES
from matcher.types import EXACT, Garments

TOPS = (1, 5, 20)
RIVALS = 50  # products of the same type and the nearest colours that make a gallery hard
_SHOWN = 5  # answers of a look-up that a decision sees


@dataclass(frozen=True)
class Task:
    """Q queries to a gallery of G products.

    Attributes:
        own: (Q,) row of each query's product in the gallery.
        allowed: (Q, G) bool, the products that are searched.
        found: (Q,) bool; a query that is not found is a miss.
        rivals: (Q, R) rows of the products that look most like its own, -1 = none.
        groups: name to (Q,) bool, parts of the queries that are reported apart.
        lost: (Q, G) float32, what a look-up takes from each product's cosine for the doubt of its type; None = nothing.
    """

    own: NDArray[np.int64]
    allowed: NDArray[np.bool_]
    found: NDArray[np.bool_]
    rivals: NDArray[np.int64]
    groups: dict[str, NDArray[np.bool_]]
    lost: NDArray[np.float32] | None = None


def found_under(types: NDArray[np.int64], type_probs: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(G, T) under which types a catalogue lists products of these types (G,) whose pictures look like (G, T)."""
    result = np.zeros(type_probs.shape, bool)
    for row, (own, probs) in enumerate(zip(types, type_probs, strict=True)):
        result[row, [own, *(TYPE_IDS[name] for name in also_listed(TYPES[own], probs))]] = True
    return result


def allowed_types(type_probs: NDArray[np.float32], under: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(Q, G) whether a product is found under one of the types that are searched; probability 0 = not searched."""
    return ((type_probs > 0).astype(np.float32) @ under.T.astype(np.float32)) > 0


def lost_by_doubt(type_probs: NDArray[np.float32], under: NDArray[np.bool_], doubt: float) -> NDArray[np.float32]:
    """(Q, G) what a look-up takes from a product's cosine, as `Catalog.search` does; 0 where it is not searched."""
    chosen, lost = type_probs > 0, doubt * doubts(type_probs)
    least = np.full((len(type_probs), len(under)), np.inf, np.float32)
    for column in range(under.shape[1]):
        there = chosen[:, column, None] & under[None, :, column]
        least = np.where(there, np.minimum(least, lost[:, column, None]), least)
    return np.where(np.isfinite(least), least, 0).astype(np.float32)


def rivals_of(own: NDArray[np.int64], colours: NDArray[np.float32], types: NDArray[np.int64]) -> NDArray[np.int64]:
    """The products of the type of each row of `own` whose colours (G, D) are nearest to its own: (Q, R), -1 = none."""
    result = np.full((len(own), RIVALS), -1, np.int64)
    for i, row in enumerate(own):
        others = np.flatnonzero(types == types[row])
        others = others[others != row]
        nearest = np.argsort(-(colours[others] @ colours[row]), kind="stable")[:RIVALS]
        result[i, : len(nearest)] = others[nearest]
    return result


def ranks(scores: NDArray[np.float32], task: Task) -> NDArray[np.int64]:
    """(Q,) how many allowed products score as high as the own one or higher; G where the own one is not searched.

    Equal scores count against a query, so that vectors that are all the same find nothing.
    """
    rows = np.arange(len(scores))
    own = scores[rows, task.own]
    better = ((scores >= own[:, None]) & task.allowed).sum(1) - task.allowed[rows, task.own]
    reachable = task.found & task.allowed[rows, task.own]
    return np.where(reachable, better, scores.shape[1])


def hard_ranks(scores: NDArray[np.float32], task: Task) -> NDArray[np.int64]:
    """(Q,) as `ranks`, among the rivals alone."""
    rows = np.arange(len(scores))
    own = scores[rows, task.own]
    rivals = np.take_along_axis(scores, np.maximum(task.rivals, 0), 1)
    better = ((rivals >= own[:, None]) & (task.rivals >= 0)).sum(1)
    reachable = task.found & task.allowed[rows, task.own]
    return np.where(reachable, better, scores.shape[1])


def figures(scores: NDArray[np.float32], task: Task, thresholds: Thresholds | None = None) -> dict[str, Any]:
    """What is reported of one entrant.

    Args:
        scores: (Q, G) cosines; what the task says that a look-up takes is taken here.
        task: the queries.
        thresholds: of the tiers; without them there is no word on "exact".

    Returns:
        {"all": {"queries", "recall@1", "recall@5", "recall@20", "hard@1", "hard@5"}, a key of the same kind for each
        group, "per_type": {type: the same}, "exact": None or {"right", "wrong", "false_removed"}}, shares of the
        queries: "right" and "wrong" are called exact with the own product in the gallery, "false_removed" without it.
    """
    scores = scores if task.lost is None else scores - task.lost
    easy, hard = ranks(scores, task), hard_ranks(scores, task)
    types = {name: rows for name, rows in task.groups.items() if name in TYPES}
    others = {name: rows for name, rows in task.groups.items() if name not in TYPES}
    everything = np.ones(len(scores), bool)
    return {
        **{name: _shares(easy[rows], hard[rows]) for name, rows in {"all": everything, **others}.items()},
        "per_type": {name: _shares(easy[rows], hard[rows]) for name, rows in types.items()},
        "exact": _exact(scores, task, thresholds) if thresholds is not None else None,
    }


def _shares(easy: NDArray[np.int64], hard: NDArray[np.int64]) -> dict[str, Any]:
    count = max(len(easy), 1)
    recall = {f"recall@{k}": round(float((easy < k).sum() / count), 4) for k in TOPS}
    return {"queries": len(easy), **recall, **{f"hard@{k}": round(float((hard < k).sum() / count), 4) for k in (1, 5)}}


def _exact(scores: NDArray[np.float32], task: Task, thresholds: Thresholds) -> dict[str, float]:
    count = max(len(scores), 1)
    searched = np.where(task.allowed & task.found[:, None], scores, -1.0)
    called, first = _called_exact(searched, thresholds)
    right = called & (first == task.own)
    searched[np.arange(len(scores)), task.own] = -1.0
    without, _ = _called_exact(searched, thresholds)
    shares = {"right": right, "wrong": called & ~right, "false_removed": without}
    return {name: round(float(rows.sum() / count), 4) for name, rows in shares.items()}


def _called_exact(scores: NDArray[np.float32], thresholds: Thresholds) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Whether the best answer of each query is called exact, by the rule for single pictures, and which it is."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :_SHOWN]
    best = np.take_along_axis(scores, order, 1)
    rows = np.where(best > -1.0, order, -1)
    called, searched = np.zeros(len(scores), bool), (scores > -1.0).sum(1)
    for i in range(len(scores)):
        # One garment at a time: garments of one picture would compete for their products.
        found = {"product_row": rows[i : i + 1], "match_score": best[i : i + 1], "searched": searched[i : i + 1]}
        one = Garments(np.array([[0, 0, 1, 1]]), **found)
        called[i] = bool((settle_single(one, thresholds).tier == EXACT)[0]) and rows[i, 0] >= 0
    return called, order[:, 0]
