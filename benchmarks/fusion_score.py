"""Judges ways of fusing views: recall, and false claims when the true product is not for sale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.fusion_methods import Method
from training.embedder.calibration import threshold_for_false
from training.fusion.answers import searched
from training.fusion.tracks import Track, TrackSet

FALSE_EXACT = 0.01  # share of tracks without a product in the gallery that may be called exact


@dataclass(frozen=True)
class Answers:
    """What a method answers to every track; all (N,).

    Attributes:
        rank: products searched that score as much as the right one or more.
        top: best score.
        absent: best score with the right product taken out.
    """

    rank: NDArray[np.int64]
    top: NDArray[np.float32]
    absent: NDArray[np.float32]


def ask(found: TrackSet, method: Method) -> Answers:
    """Ask the gallery with every track, in its likeliest types as the matcher does."""
    answers = [_ask(method(t, found.gallery), t, found.gallery.types) for t in found.tracks]
    rank, top, absent = zip(*answers, strict=True) if answers else ((), (), ())
    return Answers(np.array(rank, np.int64), np.array(top, np.float32), np.array(absent, np.float32))


def _ask(scores: NDArray[np.float32], track: Track, types: NDArray[np.int64]) -> tuple[int, float, float]:
    scores = np.where(searched(track, types), scores, np.float32(-1))
    others = np.delete(scores, track.wanted)
    return int((others >= scores[track.wanted]).sum()), float(scores.max()), float(others.max())


def figures(answers: Answers, exact: float) -> dict[str, float | int]:
    """Recalls; and with `exact` as the least score, share of tracks right and exact, and exact without the product."""
    return {
        "recall@1": _share(answers.rank < 1),
        "recall@5": _share(answers.rank < 5),
        "recall_exact": _share((answers.top >= exact) & (answers.rank < 1)),
        "false_exact_removed": _share(answers.absent >= exact),
        "exact_from": round(exact, 4),
    }


def choose_exact(answers: Answers) -> float:
    """The least score with which at most 1 % of the tracks are called exact when their product is taken out."""
    return threshold_for_false(answers.absent, FALSE_EXACT)


def _share(hits: NDArray[np.bool_]) -> float:
    return round(float(hits.mean()), 4) if len(hits) else 0.0
