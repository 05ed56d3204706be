"""Thresholds of the tiers for fused descriptors, chosen on simulated tracks of held-out garments.

Every track asks the gallery as the matcher would, once as it is and once with its own product taken out; so do ever
smaller parts of the gallery. What is "exact" and what "similar" is chosen for each number of vectors compared as
`training.embedder.calibration` says. Evidence is the similarity plus `lead` times the distance to the second product
(see `matcher.stages.tiers`); its weight is the ratio of a logistic regression's two coefficients.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from matcher.bundle import Bundle
from matcher.stages.tiers import TRACKS, Thresholds
from matcher.stages.verify import Verifier
from matcher.types import EXACT, NONE
from training.cards import change_card
from training.embedder.calibration import shrunk, thresholds_by_size
from training.fusion.answers import Answers, ask, fused
from training.fusion.tracks import TrackSet

LEAST_LEAD = 0.06  # for exact; the reasons are in docs/training.md
MOST_LEAD_WEIGHT = 1.0  # a lead depends on how crowded the gallery is, which differs from shop to shop


def calibrate_tracks(found: TrackSet, verifier: Verifier | None = None) -> dict[str, Any]:
    """The part of the card's calibration that is for tracks: thresholds, `lead`, and what was measured.

    Args:
        found: tracks of held-out garments and the gallery.
        verifier: the bundle's, where it is on.
    """
    descriptors = np.stack([fused(track) for track in found.tracks])
    present = ask(found, descriptors, verifier=verifier)
    asked = [ask(found, descriptors, absent=True, verifier=verifier, kept=kept) for kept in shrunk(found.gallery.types)]
    absent = asked[0]  # in the whole gallery
    lead = round(lead_weight(present, absent), 2)
    searched = np.concatenate([one.searched for one in asked])
    without = np.concatenate([evidence(one, lead) for one in asked])
    ahead, known = np.concatenate([one.lead for one in asked]), searched > 0
    sizes = thresholds_by_size(searched[known], without[known], ahead[known] >= LEAST_LEAD)
    chosen = {**sizes, "lead": lead, "least_lead": LEAST_LEAD}
    return {**chosen, "measured": _measured(present, absent, Thresholds.from_card(chosen))}


def evidence(answers: Answers, lead: float) -> NDArray[np.float32]:
    """(N,) evidence of the first product of each answer."""
    return answers.scores[:, 0] + np.float32(lead) * answers.lead


def lead_weight(present: Answers, absent: Answers) -> float:
    """How much a lead says against a similarity: the ratio of their coefficients in a logistic regression, 0..1."""
    told = np.concatenate([_told(present), _told(absent)]).astype(np.float64)
    right = np.concatenate([present.right, np.zeros(len(absent.right), bool)])
    if right.all() or not right.any():
        return 0.0
    score, lead, _ = minimize(_loss, np.zeros(3), (told, np.where(right, 1.0, -1.0)), method="BFGS").x
    return float(np.clip(lead / score, 0, MOST_LEAD_WEIGHT)) if score > 0 else 0.0


def _told(answers: Answers) -> NDArray[np.float32]:
    return np.stack([answers.scores[:, 0], answers.lead, np.ones(len(answers.right), np.float32)], 1)


def _loss(weights: NDArray, told: NDArray, sign: NDArray) -> float:
    # A weak pull to zero keeps separable data finite.
    return float(np.logaddexp(0, -sign * (told @ weights)).mean() + 1e-4 * (weights[:2] ** 2).sum())


def _measured(present: Answers, absent: Answers, thresholds: Thresholds) -> dict[str, float | int]:
    """In the whole gallery."""
    right, false = _tiers(present, thresholds), _tiers(absent, thresholds)
    return {
        "tracks": len(present.right),
        "recall@1": round(float(present.right.mean()), 4),
        "recall_exact": round(float((present.right & (right == EXACT)).mean()), 4),
        "recall_shown": round(float((present.right & (right != NONE)).mean()), 4),
        "false_exact_removed": round(float((false == EXACT).mean()), 4),
        "shown_removed": round(float((false != NONE).mean()), 4),
    }


def _tiers(answers: Answers, thresholds: Thresholds) -> NDArray[np.int64]:
    found = zip(answers.rows, answers.scores, answers.searched.tolist(), strict=True)
    return np.array([thresholds.among(searched).best(rows, scores) for rows, scores, searched in found], np.int64)


def put_into(bundle: Bundle, calibration: dict[str, Any]) -> Path:
    """Write the tracks' calibration into a bundle's card; returns the card's path."""
    known = bundle.model("embedder").get("calibration", {})
    return change_card(bundle, "embedder", {"calibration": {**known, TRACKS: calibration}})
