"""Fusion of views and settled decisions: robust, without flicker, and void when the catalogue changes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from matcher.config import SettleConfig
from matcher.stages.fuse import Fuse, Views
from matcher.stages.settle import Settle, settle_single
from matcher.stages.tiers import BySize, Thresholds
from matcher.types import EXACT, NONE, SIMILAR, Frame, Garments

DIMENSION = 16
IMAGE = np.zeros((8, 8, 3), np.uint8)
LIMITS = Thresholds(exact=0.8, similar=0.6)


def frame(time: float) -> Frame:
    return Frame(IMAGE, round(time * 1000), Fraction(1, 1000))


def unit(seed: int, near: np.ndarray | None = None, noise: float = 1.0) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=DIMENSION)
    vector = vector / np.linalg.norm(vector) if near is None else near + noise * vector / np.linalg.norm(vector)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def seen(embedding: np.ndarray | None = None, quality: float = 0.5, track: int = 1) -> Garments:
    vector = np.zeros(DIMENSION, np.float32) if embedding is None else embedding
    return Garments(np.zeros((1, 4)), track_id=[track], quality=[quality], embedding=vector[None])


def looked_up(*pairs: tuple[int, float], track: int = 1) -> Garments:
    """A row with these (product row, score) found; none at all when it was not looked up in this frame."""
    rows, scores = zip(*(pairs or [(-1, -1.0)] * 3), strict=True)
    vector = np.full((1, DIMENSION), 1.0 if pairs else 0.0)
    return Garments(
        np.zeros((1, 4)), track_id=[track], embedding=vector, product_row=np.array([rows]), match_score=[scores]
    )


def test_the_descriptor_is_nearer_to_the_truth_than_single_views() -> None:
    truth, fuse = unit(0), Fuse()
    views = [unit(i, near=truth, noise=0.8) for i in range(1, 7)]
    for i, view in enumerate(views):
        fused = fuse(frame(i), seen(view)).embedding[0]
    assert fused @ truth > max(view @ truth for view in views)
    assert np.linalg.norm(fused) == pytest.approx(1, abs=1e-5)


def test_a_bad_view_counts_little() -> None:
    truth, views = unit(0), Views()
    for i in range(1, 5):
        views.add(unit(i, near=truth, noise=0.3), 0.5, i, 8)
    before = views.descriptor() @ truth
    views.add(unit(99), 0.5, 5, 8)
    assert views.descriptor() @ truth > before - 0.02


def test_quality_weighs() -> None:
    a, b, views = unit(1), unit(2), Views()
    views.add(a, 0.9, 0, 8)
    views.add(b, 0.1, 1, 8)
    assert views.descriptor() @ a > views.descriptor() @ b + 0.2


def test_the_most_redundant_view_is_dropped() -> None:
    a, b, views = unit(1), unit(2), Views()
    for time, view in [(0.0, a), (5.0, b), (9.0, unit(3)), (9.1, unit(4, near=unit(3), noise=0.05))]:
        views.add(view, 0.5, time, 3)
    assert len(views.embeddings) == 3 and {0.0, 5.0} <= set(views.times)


def test_the_number_of_views_is_bounded() -> None:
    fuse = Fuse(SettleConfig(max_views=4))
    for i in range(50):
        fuse(frame(i * 0.1), seen(unit(i)))
    assert len(next(fuse._kept()).embeddings) == 4


def test_a_descriptor_is_given_only_for_a_new_view_or_a_new_catalogue() -> None:
    fuse = Fuse()
    assert fuse(frame(0), seen(unit(1))).embedding.any()
    assert not fuse(frame(1), seen()).embedding.any()
    fuse.ask_again()
    assert fuse(frame(2), seen()).embedding.any()
    assert not fuse(frame(3), seen()).embedding.any()


@pytest.mark.parametrize("end", ["expiry", "reset", "finish"])
def test_views_are_forgotten(end: str) -> None:
    fuse = Fuse(SettleConfig(expire_s=1))
    fuse(frame(0), seen(unit(1)))
    if end == "expiry":
        fuse(frame(5), seen(track=2))
    else:
        getattr(fuse, end)()
    assert 1 not in fuse._states


@pytest.mark.parametrize(
    ("score", "held", "tier"),
    [
        (0.85, NONE, EXACT),
        (0.79, NONE, SIMILAR),
        (0.79, EXACT, EXACT),  # held within the hysteresis
        (0.75, EXACT, SIMILAR),  # fallen below it
        (0.58, SIMILAR, SIMILAR),
        (0.58, NONE, NONE),
        (0.5, EXACT, NONE),
        (-1.0, NONE, NONE),
    ],
)
def test_tiers_with_hysteresis(score: float, held: int, tier: int) -> None:
    assert LIMITS.tier(score, held, 0.04) == tier


def test_the_decision_holds_between_look_ups() -> None:
    settle = Settle(LIMITS)
    settle(frame(0), looked_up((7, 0.9), (3, 0.7), (5, 0.2)))
    later = settle(frame(1), looked_up())
    assert later.product_row[0].tolist() == [7, 3, 5] and later.tier.tolist() == [EXACT]


def test_a_rival_must_be_clearly_better() -> None:
    settle = Settle(LIMITS, SettleConfig(hysteresis=0.04))
    shown = []
    for i, (seven, three) in enumerate([(0.75, 0.7), (0.72, 0.74), (0.74, 0.73), (0.71, 0.76)]):
        rows = sorted([(7, seven), (3, three), (5, 0.1)], key=lambda pair: -pair[1])
        shown.append(settle(frame(i), looked_up(*rows)).product_row[0].tolist())
    assert [rows[0] for rows in shown] == [7, 7, 7, 3]
    assert all(sorted(rows) == [3, 5, 7] for rows in shown), "the others stay as candidates"


def test_a_product_that_is_no_longer_similar_is_given_up() -> None:
    settle = Settle(LIMITS)
    settle(frame(0), looked_up((7, 0.62), (3, 0.5), (5, 0.1)))
    after = settle(frame(1), looked_up((3, 0.61), (7, 0.5), (5, 0.1)))
    assert after.product_row[0, 0] == 3 and after.tier.tolist() == [SIMILAR]
    assert settle(frame(2), looked_up((3, 0.2), (7, 0.1), (5, 0.1))).tier.tolist() == [NONE]


def test_a_noisy_track_does_not_flicker() -> None:
    settle, rng, shown = Settle(LIMITS, SettleConfig(hysteresis=0.06)), np.random.default_rng(0), []
    for i in range(200):
        scores = {7: 0.8 + rng.uniform(-0.025, 0.025), 3: 0.79 + rng.uniform(-0.025, 0.025)}
        garments = settle(frame(i), looked_up(*sorted(scores.items(), key=lambda pair: -pair[1])))
        shown.append((int(garments.product_row[0, 0]), int(garments.tier[0])))
    assert len(set(shown[1:])) == 1


def test_tracks_do_not_mix() -> None:
    settle = Settle(LIMITS)
    settle(frame(0), looked_up((7, 0.9), track=1))
    settle(frame(0.1), looked_up((3, 0.65), track=2))
    both = Garments(
        np.zeros((2, 4)),
        track_id=[2, 1],
        embedding=np.zeros((2, DIMENSION)),
        product_row=np.full((2, 1), -1),
        match_score=np.full((2, 1), -1.0),
    )
    after = settle(frame(0.2), both)
    assert after.product_row[:, 0].tolist() == [3, 7] and after.tier.tolist() == [SIMILAR, EXACT]


@pytest.mark.parametrize("end", ["expiry", "reset", "finish", "forget_products"])
def test_decisions_are_forgotten(end: str) -> None:
    settle = Settle(LIMITS, SettleConfig(expire_s=1))
    settle(frame(0), looked_up((7, 0.9)))
    if end == "expiry":
        settle(frame(5), looked_up((3, 0.9), track=2))
    else:
        getattr(settle, end)()
    after = settle(frame(5.1), looked_up())
    assert after.product_row[0].tolist() == [-1] * after.product_row.shape[1] and after.tier.tolist() == [NONE]


def test_nothing_found_is_no_decision() -> None:
    after = Settle(LIMITS)(frame(0), looked_up((-1, -1.0), (-1, -1.0)))
    assert after.tier.tolist() == [NONE] and after.product_row[0].tolist() == [-1, -1]


def test_a_single_picture_is_settled_by_its_scores() -> None:
    garments = Garments(np.zeros((3, 4)), product_row=[[1], [2], [-1]], match_score=[[0.9], [0.7], [-1]])
    assert settle_single(garments, LIMITS).tier.tolist() == [EXACT, SIMILAR, NONE]
    empty = Garments(np.zeros((0, 4)), product_row=np.zeros((0, 0)), match_score=np.zeros((0, 0)))
    assert len(settle_single(empty, LIMITS)) == 0


def test_what_was_searched_decides_how_much_is_asked() -> None:
    growing = BySize((10, 1000), (0.5, 0.9))
    limits = Thresholds(0.9, 0.4, sizes=(("exact", growing),))
    few, many = (looked_up((7, 0.8), (8, 0.1)).with_columns(searched=np.array([n])) for n in (10, 1000))
    assert Settle(limits)(frame(0), few).tier.tolist() == [EXACT]
    assert Settle(limits)(frame(0), many).tier.tolist() == [SIMILAR]
    assert settle_single(few, limits).tier.tolist() == [EXACT]
    assert settle_single(many, limits).tier.tolist() == [SIMILAR]


def worn(row: int, score: float, track: int, shot: int) -> Garments:
    """A look-up that finds this product, then others that are 0.1 and more behind."""
    return looked_up((row, score), (90, score - 0.1), (91, score - 0.2), track=track).of_shot(shot)


def tiers_of(settle: Settle, looks: list[tuple[float, Garments]]) -> list[tuple[int, int]]:
    settled = [settle(frame(time), garments) for time, garments in looks]
    return [(int(one.product_row[0, 0]), int(one.tier[0])) for one in settled]


def first_shot(score: float, seconds: float = 1.2, row: int = 5) -> list[tuple[float, Garments]]:
    return [(step / 10, worn(row, score, 1, 1)) for step in range(round(10 * seconds) + 1)]


def test_what_was_exact_in_an_earlier_shot_is_exact_again_as_soon_as_it_is_similar() -> None:
    settle = Settle(LIMITS)
    later = [(2.0, worn(5, 0.7, 2, 2)), (2.1, worn(5, 0.5, 3, 2)), (2.2, worn(6, 0.7, 4, 2))]
    assert tiers_of(settle, first_shot(0.85) + later)[-3:] == [(5, EXACT), (5, NONE), (6, SIMILAR)]


@pytest.mark.parametrize(
    ("score", "seconds", "shot", "config", "why"),
    [
        (0.85, 1.2, 1, SettleConfig(), "it is the same shot"),
        (0.85, 0.6, 2, SettleConfig(), "it was exact for a moment only"),
        (0.75, 1.2, 2, SettleConfig(), "it was similar"),
        (0.85, 1.2, 2, SettleConfig(known_s=0.0), "every shot is judged alone"),
        (0.85, 1.2, 2, SettleConfig(remember_s=0.5), "it is forgotten"),
    ],
)
def test_nothing_is_known_from_before(score: float, seconds: float, shot: int, config: SettleConfig, why: str) -> None:
    settle = Settle(LIMITS, config)
    assert tiers_of(settle, [*first_shot(score, seconds), (2.0, worn(5, 0.7, 2, shot))])[-1] == (5, SIMILAR), why


@pytest.mark.parametrize("forget", ["reset", "finish", "forget_products"])
def test_another_video_and_another_catalogue_know_nothing_of_it(forget: str) -> None:
    settle = Settle(LIMITS)
    tiers_of(settle, first_shot(0.85))
    getattr(settle, forget)()
    assert tiers_of(settle, [(2.0, worn(5, 0.7, 2, 2))]) == [(5, SIMILAR)]


def test_time_that_runs_back_is_another_video() -> None:
    settle = Settle(LIMITS)
    assert tiers_of(settle, [*first_shot(0.85), (0.0, worn(5, 0.7, 2, 2))])[-1] == (5, SIMILAR)


def test_a_product_is_known_over_shots_without_it() -> None:
    settle = Settle(LIMITS)
    between = [(2 + step / 10, worn(8, 0.7, 2, 2)) for step in range(5)]
    assert tiers_of(settle, [*first_shot(0.85), *between, (3.0, worn(5, 0.7, 3, 3))])[-1] == (5, EXACT)
