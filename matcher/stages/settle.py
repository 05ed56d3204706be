"""Settling: one decision for each track that does not flicker: exact, similar or none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.config import SettleConfig
from matcher.stages.once import once_per_place
from matcher.stages.per_track import PerTrack
from matcher.stages.sold_here import SoldHere
from matcher.stages.tiers import Thresholds
from matcher.stages.worn_before import WornBefore
from matcher.types import EXACT, NONE, SIMILAR, Frame, Garments


class Decision:
    """What a track is taken for, and the other candidates.

    `own` is the tier whatever the shop sells, `tier` the one that is shown.
    """

    def __init__(self, width: int) -> None:
        """Undecided; `width` is the number of candidates kept."""
        self.rows = np.full(width, -1, np.int64)
        self.scores = np.full(width, -1, np.float32)
        self.tier = self.own = NONE

    def update(
        self,
        rows: NDArray[np.int64],
        scores: NDArray[np.float32],
        thresholds: Thresholds,
        hysteresis: float,
        known: NDArray[np.bool_],
        ease: float,
    ) -> None:
        """Take the result of a new look-up.

        Args:
            rows: (K,) of the catalogue, best first.
            scores: (K,) their similarities.
            thresholds: of the tiers.
            hysteresis: see `SettleConfig`.
            known: (K,) which of them were worn before; such a one is exact as soon as it is similar.
            ease: how much of what is worn the shop sells, 0..1; see `Thresholds.eased`.
        """
        evidence = thresholds.evidence(rows, scores)
        first = self._choose(rows, scores, evidence, thresholds, hysteresis)
        held = self.own if rows[first] == self.rows[0] else NONE
        order = [first, *(i for i in range(len(rows)) if i != first)]
        self.own = self.tier = thresholds.tier(float(evidence[first]), held, hysteresis)
        if known[first] and self.own == SIMILAR:
            self.own = self.tier = EXACT
        if ease and self.own == SIMILAR:  # never held: what was so once would stay although others come near
            eased = thresholds.eased(ease)
            self.tier = eased.tier(float(eased.evidence(rows, scores)[first]), SIMILAR, hysteresis)
        self.rows, self.scores = rows[order], scores[order]

    def _choose(
        self,
        rows: NDArray[np.int64],
        scores: NDArray[np.float32],
        evidence: NDArray[np.float32],
        thresholds: Thresholds,
        hysteresis: float,
    ) -> int:
        """The candidate to show: the one shown before unless it is beaten clearly or no longer similar."""
        same = np.flatnonzero(rows == self.rows[0]) if self.rows[0] >= 0 else []
        if not len(same) or scores[0] > scores[same[0]] + hysteresis:
            return 0
        stays = thresholds.tier(float(evidence[same[0]]), self.tier, hysteresis) != NONE
        return int(same[0]) if stays else 0


class Settle(PerTrack[Decision]):
    """Holds each track's decision between look-ups, with hysteresis, and writes it to every frame's rows."""

    def __init__(self, thresholds: Thresholds, config: SettleConfig | None = None) -> None:
        """Decide by these thresholds and settings."""
        self.thresholds = thresholds
        self.config = config or SettleConfig()
        self._before = WornBefore(self.config.known_s, self.config.remember_s)
        given = self.config.exact_threshold is not None  # holds as it is
        sold_all = 0.0 if given else self.config.sold_all
        self._sold = SoldHere(self.config.sold_none, sold_all, self.config.remember_s)
        self._width = 0
        super().__init__(lambda: Decision(self._width), self.config.expire_s)

    def __call__(self, frame: Frame, garments: Garments) -> Garments:
        """Fill tier, and product_row and match_score of every row: the decision first, then other candidates.

        Args:
            frame: for its time.
            garments: needs track_id, embedding, product_row and match_score; rows with an embedding were looked up.
        """
        self._before.begin(frame.time, garments.in_shot)
        self._sold.begin(frame.time)
        rows, scores = garments.product_row.copy(), garments.match_score.copy()
        tier, own = np.zeros((2, len(garments)), np.int64)
        asked, searched, self._width = garments.embedding.any(1), _searched(garments), rows.shape[1]
        ease = self._sold.ease
        for row, number in enumerate(garments.track_id):
            decision = self._of(int(number), frame.time)
            if asked[row] and rows.shape[1]:
                limits = self.thresholds.among(searched[row])
                known = self._before.knows(rows[row])
                decision.update(rows[row], scores[row], limits, self.config.hysteresis, known, ease)
            rows[row], scores[row], tier[row], own[row] = decision.rows, decision.scores, decision.tier, decision.own
        self._expire(frame.time)
        settled = garments.with_columns(product_row=rows, match_score=scores, tier=tier)
        settled = settled.with_columns(tier=once_per_place(settled))
        sure = own == EXACT
        self._before.note(rows[(settled.tier == EXACT) & sure, :1].ravel())
        self._sold.note(garments.track_id, sure)
        return settled

    def reset(self) -> None:
        """Forget all tracks, what was worn before, and how much of it is sold."""
        super().reset()
        self._before.reset()
        self._sold.reset()

    def forget_products(self) -> None:
        """Drop all decisions, as when a new generation of the catalogue has made their rows void."""
        self.reset()


def settle_single(garments: Garments, thresholds: Thresholds) -> Garments:
    """Fill tier for a single picture, straight from what each row's look-up found."""
    found = zip(garments.product_row, garments.match_score, _searched(garments), strict=True)
    tiers = [thresholds.among(searched).best(rows, scores) for rows, scores, searched in found]
    settled = garments.with_columns(tier=np.array(tiers, np.int64))
    return settled.with_columns(tier=once_per_place(settled))


def _searched(garments: Garments) -> list[int]:
    """How much each row was compared with; 0 where the look-up does not say."""
    return garments.searched.tolist() if garments.has("searched") else [0] * len(garments)
