"""Settling: one decision for each track that does not flicker: exact, similar or none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.bundle import Bundle
from matcher.config import SettleConfig
from matcher.stages.once import once_per_place
from matcher.types import EXACT, NONE, SIMILAR, Frame, Garments

# For bundles whose card has no calibration: cosines that mean so with embeddings of the usual kind.
FALLBACK = {"exact": 0.85, "similar": 0.7}


@dataclass(frozen=True)
class Thresholds:
    """Least similarity of each tier."""

    exact: float
    similar: float

    @classmethod
    def of(cls, bundle: Bundle, config: SettleConfig) -> Thresholds:
        """The settings' thresholds, and where these are None the calibrated ones of the bundle's card."""
        calibration = {**FALLBACK, **bundle.model("embedder").get("calibration", {})}
        exact = calibration["exact"] if config.exact_threshold is None else config.exact_threshold
        similar = calibration["similar"] if config.similar_threshold is None else config.similar_threshold
        return cls(float(exact), float(min(similar, exact)))

    def tier(self, score: float, held: int = NONE, hysteresis: float = 0.0) -> int:
        """Tier of a score; a tier that is `held` is left only by falling `hysteresis` below it."""
        if score >= self.exact - (hysteresis if held == EXACT else 0):
            return EXACT
        return SIMILAR if score >= self.similar - (hysteresis if held != NONE else 0) else NONE


class Decision:
    """What a track is taken for, and the other candidates."""

    def __init__(self, width: int) -> None:
        """Undecided; `width` is the number of candidates kept."""
        self.rows = np.full(width, -1, np.int64)
        self.scores = np.full(width, -1, np.float32)
        self.tier = NONE
        self.seen = 0.0

    def update(
        self, rows: NDArray[np.int64], scores: NDArray[np.float32], thresholds: Thresholds, hysteresis: float
    ) -> None:
        """Take the result (K,) and (K,), best first, of a new look-up."""
        first = self._choose(rows, scores, thresholds, hysteresis)
        held = self.tier if rows[first] == self.rows[0] else NONE
        order = [first, *(i for i in range(len(rows)) if i != first)]
        self.rows, self.scores = rows[order], scores[order]
        self.tier = thresholds.tier(float(scores[first]), held, hysteresis)

    def _choose(
        self, rows: NDArray[np.int64], scores: NDArray[np.float32], thresholds: Thresholds, hysteresis: float
    ) -> int:
        """The candidate to show: the one shown before unless it is beaten clearly or no longer similar."""
        same = np.flatnonzero(rows == self.rows[0]) if self.rows[0] >= 0 else []
        if not len(same) or scores[0] > scores[same[0]] + hysteresis:
            return 0
        stays = thresholds.tier(float(scores[same[0]]), self.tier, hysteresis) != NONE
        return int(same[0]) if stays else 0


class Settle:
    """Holds each track's decision between look-ups, with hysteresis, and writes it to every frame's rows."""

    def __init__(self, thresholds: Thresholds, config: SettleConfig | None = None) -> None:
        """Decide by these thresholds and settings."""
        self.thresholds = thresholds
        self.config = config or SettleConfig()
        self._tracks: dict[int, Decision] = {}

    def __call__(self, frame: Frame, garments: Garments) -> Garments:
        """Fill tier, and product_row and match_score of every row: the decision first, then other candidates.

        Args:
            frame: for its time.
            garments: needs track_id, embedding, product_row and match_score; rows with an embedding were looked up.
        """
        rows, scores = garments.product_row.copy(), garments.match_score.copy()
        tier = np.zeros(len(garments), np.int64)
        asked = garments.embedding.any(1)
        for row, number in enumerate(garments.track_id):
            decision = self._tracks.setdefault(int(number), Decision(rows.shape[1]))
            decision.seen = frame.time
            if asked[row] and rows.shape[1]:
                decision.update(rows[row], scores[row], self.thresholds, self.config.hysteresis)
            rows[row], scores[row], tier[row] = decision.rows, decision.scores, decision.tier
        self._expire(frame.time)
        settled = garments.with_columns(product_row=rows, match_score=scores, tier=tier)
        return settled.with_columns(tier=once_per_place(settled))

    def forget_products(self) -> None:
        """Drop all decisions, as when a new generation of the catalogue has made their rows void."""
        self._tracks = {}

    def reset(self) -> None:
        """Forget all tracks."""
        self._tracks = {}

    def finish(self) -> None:
        """Forget all tracks at the end of the video."""
        self.reset()

    def _expire(self, time: float) -> None:
        limit = self.config.expire_s
        self._tracks = {number: d for number, d in self._tracks.items() if 0 <= time - d.seen <= limit}


def settle_single(garments: Garments, thresholds: Thresholds) -> Garments:
    """Fill tier for a single picture, straight from the best match of each row (needs product_row, match_score)."""
    tiers = [thresholds.tier(float(score)) for score in garments.best_score]
    settled = garments.with_columns(tier=np.array(tiers, np.int64))
    return settled.with_columns(tier=once_per_place(settled))
