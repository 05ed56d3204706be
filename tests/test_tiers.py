"""Tiers: thresholds from card and settings, and the lead over the next product as evidence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from matcher.bundle import Bundle, write_card
from matcher.config import SettleConfig
from matcher.errors import BundleError
from matcher.stages.tiers import FALLBACK, MOST, MOST_LEAD, Thresholds, leads
from matcher.types import EXACT, NONE, SIMILAR
from tests.toy_bundle import make_bundle


def calibrated(folder: Path, calibration: dict) -> Bundle:
    bundle = make_bundle(folder)
    card = json.loads(json.dumps(bundle.card))
    card["models"]["embedder"]["calibration"] = calibration
    write_card(folder, card)
    return Bundle.open(folder)


def test_a_card_without_tracks_uses_one_calibration_for_both(tmp_path: Path) -> None:
    bundle = calibrated(tmp_path / "b", {"exact": 0.8, "similar": 0.6})
    single, fused = (Thresholds.of(bundle, SettleConfig(), fused=fused) for fused in (False, True))
    assert single == fused == Thresholds(0.8, 0.6, 0.0)


def test_tracks_have_thresholds_of_their_own(tmp_path: Path) -> None:
    bundle = calibrated(
        tmp_path / "b", {"exact": 0.8, "similar": 0.6, "tracks": {"exact": 0.9, "similar": 0.7, "lead": 0.5}}
    )
    assert Thresholds.of(bundle, SettleConfig()) == Thresholds(0.8, 0.6, 0.0)
    assert Thresholds.of(bundle, SettleConfig(), fused=True) == Thresholds(0.9, 0.7, 0.5)


def test_settings_win_and_no_calibration_falls_back(tmp_path: Path) -> None:
    bundle = calibrated(tmp_path / "b", {})
    assert Thresholds.of(bundle, SettleConfig(), fused=True) == Thresholds(FALLBACK["exact"], FALLBACK["similar"])
    assert Thresholds.of(bundle, SettleConfig(exact_threshold=0.5)) == Thresholds(0.5, 0.5)
    assert Thresholds.of(bundle, SettleConfig(least_lead=0.1)).least_lead == 0.1


def test_the_least_lead_is_of_the_card_or_of_the_settings(tmp_path: Path) -> None:
    bundle = calibrated(tmp_path / "b", {"exact": 0.8, "similar": 0.6, "least_lead": 0.06})
    assert Thresholds.of(bundle, SettleConfig()).least_lead == 0.06
    assert Thresholds.of(bundle, SettleConfig(least_lead=0.0)).least_lead == 0


@pytest.mark.parametrize(
    ("rows", "scores", "expected"),
    [
        ([4, 7, 9], [0.9, 0.8, 0.5], [0.1, -0.1, -0.2]),  # capped at 0.2
        ([4, 7, -1], [0.9, 0.85, -1], [0.05, -0.05, 0]),
        ([4, -1, -1], [0.9, -1, -1], [0, 0, 0]),  # nothing is known of rivals
        ([4, 7, 9], [0.9, 0.8995, 0.8], [0.1, 0.0995, -0.1]),  # one picture in two sizes
        ([4, 7], [0.9, 0.9], [0, 0]),
        ([-1, -1], [-1, -1], [0, 0]),
        ([], [], []),
    ],
)
def test_leads(rows: list[int], scores: list[float], expected: list[float]) -> None:
    found = leads(np.array(rows, np.int64), np.array(scores, np.float32))
    assert found.tolist() == pytest.approx(expected, abs=1e-6) and MOST_LEAD == 0.2


def test_a_product_that_stands_out_is_surer_than_one_of_many() -> None:
    limits, rows = Thresholds(exact=0.85, similar=0.7, lead=1.0), np.array([1, 2])
    alone = limits.evidence(rows, np.array([0.8, 0.6], np.float32))
    crowd = limits.evidence(rows, np.array([0.8, 0.79], np.float32))
    assert limits.tier(float(alone[0])) == EXACT and limits.tier(float(crowd[0])) == SIMILAR
    assert limits.tier(float(crowd[1])) == SIMILAR and limits.tier(0.5) == NONE


def test_of_two_that_look_the_same_none_is_exact() -> None:
    limits, rows = Thresholds(exact=0.85, similar=0.7, lead=0.5, least_lead=0.06), np.array([1, 2, 3])

    def found(*scores: float, held: int = NONE) -> int:
        evidence = limits.evidence(rows[: len(scores)], np.array(scores, np.float32))
        return limits.tier(float(evidence[0]), held, 0.04)

    assert found(0.95, 0.88) == EXACT and found(0.95, 0.9) == SIMILAR
    assert found(0.95, 0.92, held=EXACT) == EXACT and found(0.95, 0.935, held=EXACT) == SIMILAR, "hysteresis"
    assert found(0.72, 0.71) == found(0.8, 0.84) == SIMILAR, "similar as it was"
    assert found(0.95) == found(0.95, 0.95) == found(0.95, 0.95, 0.8) == EXACT, "nothing that could be it instead"


SIZES = {"searched": [10, 1000], "exact": [0.8, 0.9], "similar": [0.5, 0.8]}


@pytest.mark.parametrize(
    ("searched", "exact", "similar"),
    [
        (0, 0.9, 0.8),  # not known
        (1, 0.8, 0.5),
        (10, 0.8, 0.5),
        (100, 0.85, 0.65),
        (1000, 0.9, 0.8),
        (1000 * np.e, 0.91, 0.85),
        (10**9, MOST, MOST),  # more is not reckoned, and similar is never above exact
    ],
)
def test_a_large_shop_asks_more_of_an_answer(tmp_path: Path, searched: int, exact: float, similar: float) -> None:
    growth = {"exact": 0.01, "similar": 0.05}
    section = {"exact": 0.9, "similar": 0.8, "sizes": {**SIZES, "growth": growth}}
    limits = Thresholds.of(calibrated(tmp_path / "b", section), SettleConfig()).among(searched)
    assert limits.exact == pytest.approx(exact, abs=1e-4) and limits.similar == pytest.approx(similar, abs=1e-4)


@pytest.mark.parametrize(
    "section",
    [
        {"exact": "high"},
        {"sizes": {"searched": [10]}},
        {"sizes": {**SIZES, "searched": [10, 10], "growth": {"exact": 0, "similar": 0}}},
        {"sizes": {**SIZES, "exact": [0.8], "growth": {"exact": 0, "similar": 0}}},
        {"sizes": {"searched": [], "exact": [], "similar": [], "growth": {"exact": 0, "similar": 0}}},
        {"sizes": [1, 2]},
        {"tracks": [0.8]},
    ],
)
def test_a_calibration_that_makes_no_sense_is_refused(tmp_path: Path, section: dict) -> None:
    with pytest.raises(BundleError, match="calibration of the embedder that cannot be understood"):
        Thresholds.of(calibrated(tmp_path / "b", section), SettleConfig(), fused=True)


def test_thresholds_that_were_set_hold_for_every_size(tmp_path: Path) -> None:
    section = {"sizes": {**SIZES, "growth": {"exact": 0.0, "similar": 0.0}}}
    bundle = calibrated(tmp_path / "b", section)
    set_exact = Thresholds.of(bundle, SettleConfig(exact_threshold=0.6))
    assert [set_exact.among(n).exact for n in (10, 100, 1000)] == [0.6, 0.6, 0.6]
    assert [set_exact.among(n).similar for n in (10, 1000)] == [0.5, 0.6]
    both = Thresholds.of(bundle, SettleConfig(exact_threshold=0.6, similar_threshold=0.3))
    assert both.among(1000) is both
