"""Where a shop sells what is worn in a video, less evidence makes a product exact; elsewhere nothing changes."""

from __future__ import annotations

import numpy as np
import pytest

from matcher.config import SettleConfig
from matcher.errors import ConfigError
from matcher.stages.settle import Settle
from matcher.stages.sold_here import LEAST_S, SoldHere
from matcher.stages.tiers import Thresholds
from matcher.types import EXACT, NONE, SIMILAR, Garments

from .test_settle import LIMITS, frame, looked_up

STEP_S = 0.25


# Exact from 0.8 on, and where all is sold from 0.66; similar from 0.6 on.
NEAR, FAR = 0.7, 0.65


def film(exact: int, others: int) -> list[tuple[float, list[tuple[int, float]]]]:
    """Moments of a film: tracks one after the other, for a second each; so many are exact, the others similar."""
    scores = [0.9] * exact + [NEAR] * others
    moments = int(1 / STEP_S)
    return [((i * moments + j) * STEP_S, [(i, score)]) for i, score in enumerate(scores) for j in range(moments)]


def settled(settle: Settle, moments: list[tuple[float, list[tuple[int, float]]]], rival: float = 0.1) -> list[int]:
    """The tier of the last track of each moment; every track has a product of its own, `rival` ahead of the next."""
    tiers = []
    for time, tracks in moments:
        rows = [looked_up((number, score), (900, score - rival), track=number) for number, score in tracks]
        tiers.append(int(settle(frame(time), rows[-1]).tier[0]))
    return tiers


def at_end(exact: int, others: int, score: float, rival: float = 0.1, **settings: float) -> int:
    """What a new track is after that film."""
    settle = Settle(LIMITS, SettleConfig(**settings))
    moments = film(exact, others)
    settled(settle, moments)
    return settled(settle, [(len(moments) * STEP_S, [(500, score)])], rival)[0]


def test_less_evidence_is_exact_where_most_of_what_is_worn_is_sold() -> None:
    assert at_end(12, 4, NEAR) == EXACT
    assert at_end(12, 4, FAR) == SIMILAR and at_end(12, 4, 0.55) == NONE, "some evidence is needed"
    assert at_end(2, 30, NEAR) == SIMILAR, "the shop sells nothing of it"
    assert at_end(0, 0, NEAR) == SIMILAR and at_end(1, 0, NEAR) == SIMILAR, "one garment tells nothing"


def test_in_between_the_threshold_is_in_between() -> None:
    assert [at_end(7, 20, score) for score in (NEAR, 0.77, 0.81)] == [SIMILAR, EXACT, EXACT]


def test_what_looks_like_two_products_is_exact_nowhere() -> None:
    settle = Settle(Thresholds(exact=0.8, similar=0.6, least_lead=0.06))
    moments = film(12, 4)
    settled(settle, moments)
    end = len(moments) * STEP_S
    tiers = [settled(settle, [(end, [(500 + i, 0.75)])], rival)[0] for i, rival in enumerate((0.01, 0.03, 0.07))]
    assert tiers == [SIMILAR, EXACT, EXACT]


def test_it_can_be_switched_off_and_is_forgotten() -> None:
    assert at_end(12, 4, NEAR, sold_all=0.0) == SIMILAR
    assert at_end(12, 4, NEAR, exact_threshold=0.8) == SIMILAR, "what is given holds"
    assert at_end(12, 4, NEAR, remember_s=1.0) == SIMILAR
    settle = Settle(LIMITS)
    moments = film(12, 4)
    settled(settle, moments)
    settle.reset()
    assert settled(settle, [(100.0, [(500, NEAR)])]) == [SIMILAR]


def test_another_video_begins_where_time_runs_back() -> None:
    settle = Settle(LIMITS)
    settled(settle, film(12, 4))
    assert settled(settle, [(0.0, [(500, NEAR)])]) == [SIMILAR]


def test_exact_for_that_reason_alone_proves_nothing() -> None:
    """Else a few garments that are sold would make all others exact, and these the next ones."""
    settle = Settle(LIMITS)
    moments = film(8, 4)
    settled(settle, moments)
    start = len(moments)
    more = [((start + 4 * i + j) * STEP_S, [(100 + i, NEAR)]) for i in range(40) for j in range(4)]
    tiers = settled(settle, more)
    assert tiers[0] == EXACT and tiers[-1] == SIMILAR


def test_passing_tracks_do_not_count() -> None:
    counts = SoldHere(0.2, 0.4, 600)
    for step in range(40):
        counts.begin(step * LEAST_S / 2)
        counts.note(np.array([step]), np.array([True]))
    assert counts.ease == 0
    for step in range(40, 44):
        counts.begin(step * LEAST_S / 2)
        counts.note(np.arange(100, 108), np.ones(8, bool))
    assert counts.ease == 1


def test_nothing_to_decide_and_settings_that_make_no_sense() -> None:
    empty = Garments(np.zeros((0, 4)), product_row=np.zeros((0, 3)), match_score=np.zeros((0, 3)))
    empty = empty.with_columns(track_id=np.zeros(0, np.int64), embedding=np.zeros((0, 16), np.float32))
    assert len(Settle(LIMITS)(frame(0), empty)) == 0
    with pytest.raises(ConfigError, match="sold_none must be below sold_all"):
        SettleConfig(sold_none=0.5, sold_all=0.4)
