"""Tiers: how sure an answer must be to be shown as exact or similar, as the bundle's card or the settings say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.bundle import Bundle
from matcher.config import SettleConfig
from matcher.errors import BundleError
from matcher.types import EXACT, NONE, SIMILAR

# For bundles whose card has no calibration: cosines that mean so with embeddings of the usual kind.
FALLBACK = {"exact": 0.85, "similar": 0.7}
TRACKS = "tracks"  # part of the card's calibration that is for fused descriptors
MOST_LEAD = 0.2  # a larger lead says no more
TWIN = 1e-3  # products whose similarities differ by less show one picture, as the sizes of one shirt do: no rivals
EASED, EASED_LEAD = 0.7, 0.02  # where the shop sells all that is worn; the reasons are in docs/training.md
MOST = 0.98  # a threshold for a large catalogue that was reckoned, not measured, is no higher


@dataclass(frozen=True)
class BySize:
    """One tier's threshold for catalogues of several sizes: the more is compared, the likelier is a chance likeness.

    Attributes:
        searched: numbers of vectors compared, rising.
        least: the threshold for each.
        growth: what is added for each e-fold beyond the largest number.
    """

    searched: tuple[int, ...]
    least: tuple[float, ...]
    growth: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no table of thresholds.

        Raises:
            ValueError: the numbers are none, do not rise, or are not as many as thresholds.
        """
        rising = all(a < b for a, b in pairwise((0, *self.searched)))
        if not self.searched or len(self.searched) != len(self.least) or not rising:
            raise ValueError("thresholds by size need as many rising numbers as thresholds")

    def at(self, searched: int) -> float:
        """The threshold where so many vectors are compared; what lies between two numbers goes by their logarithm."""
        beyond = math.log(max(searched, self.searched[-1]) / self.searched[-1])
        within = float(np.interp(math.log(max(searched, 1)), np.log(self.searched), self.least))
        return max(min(within + self.growth * beyond, MOST), within)


@dataclass(frozen=True)
class Thresholds:
    """Least evidence of each tier.

    Evidence is a similarity plus `lead` times how far a product is ahead of the next one: a garment that is not in
    the catalogue has several products about equally near, its own product stands out. A product that is less than
    `least_lead` ahead is not exact, however near it is: of two that look the same nobody can say which one it is. Its
    evidence is then less than `exact` by what its lead lacks. All are in units of cosine, so thresholds and hysteresis
    keep their meaning; with a `lead` and `least_lead` of 0 evidence is the similarity. `sizes` has the thresholds of
    the tiers that depend on how much is searched.
    """

    exact: float
    similar: float
    lead: float = 0.0
    least_lead: float = 0.0
    sizes: tuple[tuple[str, BySize], ...] = ()

    @classmethod
    def of(cls, bundle: Bundle, config: SettleConfig, fused: bool = False) -> Thresholds:
        """The settings' thresholds, and where these are None the calibrated ones of the bundle's card.

        Args:
            bundle: weights with their card.
            config: settings.
            fused: for the descriptors of tracks; where the card does not tell them apart, as for single views.

        Raises:
            BundleError: the card's calibration cannot be understood.
        """
        given = bundle.model("embedder").get("calibration", {})
        try:
            found = cls.from_card(given.get(TRACKS, given) if fused else given)
        except (AttributeError, KeyError, TypeError, ValueError):
            problem = f"the card of {bundle.folder} has a calibration of the embedder that cannot be understood"
            raise BundleError(f"{problem}; export the bundle again") from None
        asked = {"exact": config.exact_threshold, "similar": config.similar_threshold, "least_lead": config.least_lead}
        asked = {tier: float(least) for tier, least in asked.items() if least is not None}
        found = replace(found, **asked, sizes=tuple(one for one in found.sizes if one[0] not in asked))
        return replace(found, similar=min(found.similar, found.exact))

    @classmethod
    def from_card(cls, section: Mapping[str, Any]) -> Thresholds:
        """The thresholds of a card's section `calibration`, or of its part for tracks."""
        known = {**FALLBACK, **section}
        sizes = tuple(_sizes(known.get("sizes", {})))
        lead, least_lead = (float(known.get(name, 0.0)) for name in ("lead", "least_lead"))
        return cls(float(known["exact"]), float(known["similar"]), lead, least_lead, sizes)

    def among(self, searched: int) -> Thresholds:
        """The thresholds where so many vectors of the catalogue were compared; 0 = not known."""
        return _among(self, searched) if self.sizes and searched > 0 else self

    def eased(self, ease: float) -> Thresholds:
        """The thresholds where a shop sells so much of what is worn (0..1): with 0 these.

        With 1 "exact" lies `EASED` of the way down to "similar", and a product is far enough ahead of the next one with
        `EASED_LEAD`, where more is asked of it else.
        """
        exact = self.exact - ease * EASED * (self.exact - self.similar)
        return replace(self, exact=exact, least_lead=self.least_lead - ease * max(self.least_lead - EASED_LEAD, 0))

    def tier(self, evidence: float, held: int = NONE, hysteresis: float = 0.0) -> int:
        """Tier of some evidence; a tier that is `held` is left only by falling `hysteresis` below it."""
        if evidence >= self.exact - (hysteresis if held == EXACT else 0):
            return EXACT
        return SIMILAR if evidence >= self.similar - (hysteresis if held != NONE else 0) else NONE

    def best(self, rows: NDArray[np.int64], scores: NDArray[np.float32]) -> int:
        """Tier of the first product of a look-up; arguments as for `evidence`."""
        return self.tier(float(self.evidence(rows, scores)[0])) if len(rows) else NONE

    def evidence(self, rows: NDArray[np.int64], scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Evidence (K,) of each of a look-up's products.

        Args:
            rows: (K,) of the catalogue, best first; -1 = none.
            scores: (K,) their similarities.
        """
        if self.lead == 0 and self.least_lead == 0:
            return scores
        ahead = leads(rows, scores)
        found = scores + np.float32(self.lead) * ahead
        similar = np.nextafter(np.float32(self.similar), np.float32(2))  # rounded down it would be none
        most = np.maximum(self.exact - (self.least_lead - ahead), similar)
        close = rivalled(rows, scores) & (ahead < self.least_lead)
        return np.where(close, np.minimum(found, most), found).astype(np.float32)


def _sizes(section: Mapping[str, Any]) -> list[tuple[str, BySize]]:
    """From a card: {"searched": [..], "exact": [..], "similar": [..], "growth": {"exact": .., "similar": ..}}."""
    if not section:
        return []
    searched, growth = tuple(map(int, section["searched"])), section["growth"]
    return [
        (tier, BySize(searched, tuple(map(float, section[tier])), float(growth[tier]))) for tier in ("exact", "similar")
    ]


@lru_cache(4096)  # a film asks for the same few numbers over and over
def _among(thresholds: Thresholds, searched: int) -> Thresholds:
    found = replace(thresholds, sizes=(), **{tier: one.at(searched) for tier, one in thresholds.sizes})
    return replace(found, similar=min(found.similar, found.exact))


def leads(rows: NDArray[np.int64], scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far each of K products, best first, is ahead of the best other one; negative for all but the first.

    Where there is no other product nothing is known about rivals, and the lead is 0.
    """
    rival = _rivals(rows, scores)
    ahead = np.clip(scores - rival, -MOST_LEAD, MOST_LEAD)
    return np.where(np.isfinite(rival) & (rows >= 0), ahead, 0).astype(np.float32)


def rivalled(rows: NDArray[np.int64], scores: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether (K,) there is another product to be ahead of."""
    return np.isfinite(_rivals(rows, scores))


def _rivals(rows: NDArray[np.int64], scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """(K,) similarity of the best product that is not the same one, nor its twin; -inf where there is none."""
    other = (np.abs(scores[:, None] - scores[None, :]) >= TWIN) & (rows >= 0)[None, :]
    return np.where(other, scores[None, :], -np.inf).max(1, initial=-np.inf)
