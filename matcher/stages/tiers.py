"""Tiers: how sure an answer must be to be shown as exact or similar, as the bundle's card or the settings say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.bundle import Bundle
from matcher.config import SettleConfig
from matcher.types import EXACT, NONE, SIMILAR

# For bundles whose card has no calibration: cosines that mean so with embeddings of the usual kind.
FALLBACK = {"exact": 0.85, "similar": 0.7}
TRACKS = "tracks"  # part of the card's calibration that is for fused descriptors
MOST_LEAD = 0.2  # a larger lead says no more


@dataclass(frozen=True)
class Thresholds:
    """Least evidence of each tier.

    Evidence is a similarity plus `lead` times how far a product is ahead of the next one: a garment that is not in
    the catalogue has several products about equally near, its own product stands out. Both are in units of cosine, so
    thresholds and hysteresis keep their meaning; with a `lead` of 0 evidence is the similarity.
    """

    exact: float
    similar: float
    lead: float = 0.0

    @classmethod
    def of(cls, bundle: Bundle, config: SettleConfig, fused: bool = False) -> Thresholds:
        """The settings' thresholds, and where these are None the calibrated ones of the bundle's card.

        Args:
            bundle: weights with their card.
            config: settings.
            fused: for the descriptors of tracks; where the card does not tell them apart, as for single views.
        """
        given = bundle.model("embedder").get("calibration", {})
        calibration = {**FALLBACK, **given, **(given.get(TRACKS, {}) if fused else {})}
        exact = calibration["exact"] if config.exact_threshold is None else config.exact_threshold
        similar = calibration["similar"] if config.similar_threshold is None else config.similar_threshold
        return cls(float(exact), float(min(similar, exact)), float(calibration.get("lead", 0.0)))

    def tier(self, evidence: float, held: int = NONE, hysteresis: float = 0.0) -> int:
        """Tier of some evidence; a tier that is `held` is left only by falling `hysteresis` below it."""
        if evidence >= self.exact - (hysteresis if held == EXACT else 0):
            return EXACT
        return SIMILAR if evidence >= self.similar - (hysteresis if held != NONE else 0) else NONE

    def evidence(self, rows: NDArray[np.int64], scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Evidence (K,) of each of a look-up's products.

        Args:
            rows: (K,) of the catalogue, best first; -1 = none.
            scores: (K,) their similarities.
        """
        return scores if self.lead == 0 else scores + np.float32(self.lead) * leads(rows, scores)


def leads(rows: NDArray[np.int64], scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far each of K products, best first, is ahead of the best other one; negative for all but the first.

    Where there is no other product nothing is known about rivals, and the lead is 0.
    """
    found = rows >= 0
    if found.sum() < 2:
        return np.zeros(len(rows), np.float32)
    rival = np.full(len(rows), scores[0], np.float32)
    rival[0] = scores[1]
    return np.where(found, np.clip(scores - rival, -MOST_LEAD, MOST_LEAD), 0).astype(np.float32)
