"""Scores of what was shown over a video against what was there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from matcher.types import EXACT, NONE
from training.evaluation.video_truth import Interval

SLACK_S = 0.5  # where everything is listed: how far from its interval a product may be shown without being wrong


@dataclass(frozen=True)
class Shown:
    """What one track says in one frame.

    Attributes:
        track: its number.
        product_id: the first candidate; empty when there is none.
        tier: 0 none (the candidate is not shown), 1 similar, 2 exact.
        score: similarity of the candidate.
    """

    track: int
    product_id: str
    tier: int
    score: float = 0.0


@dataclass(frozen=True)
class Moment:
    """One frame: when, for how many seconds, and what is shown of each track in it."""

    time: float
    duration: float
    shown: tuple[Shown, ...]


@dataclass
class TrackLife:
    """What became of one track within the judged times."""

    seen: list[tuple[float, Shown]] = field(default_factory=list)

    @property
    def decision(self) -> Shown:
        """What it said last."""
        return self.seen[-1][1]


def score_video(
    truth: Sequence[Interval],
    moments: Sequence[Moment],
    complete: bool = False,
    seen: Sequence[Interval] | None = None,
) -> dict[str, Any]:
    """Compare what was shown with the truth.

    Only the listed intervals are judged: a track counts while it is on screen inside any of them. A product that is
    shown is right if its track is on screen inside an interval of that product, and wrong otherwise.

    Args:
        truth: when which product is seen.
        moments: every frame, in order of time.
        complete: the truth lists everything. Then the whole video is judged, and a shown product is right only
            within `SLACK_S` of its own intervals.
        seen: with a complete truth: when each product is seen at all, however little of it. To show it then is right,
            though only the truth's intervals count for recall. The truth when None.

    Returns:
        products: how many the truth lists.
        tracks: how many were judged.
        top1: share of the products of which a track inside an interval of theirs settles on them (similar or exact).
        precision: share of the time that products are shown (similar or exact, summed over tracks) that is right.
        recall: share of the listed time in which the product is shown.
        false_exact: share of judged tracks that end as exact on a wrong product.
        precision_exact, recall_exact: the same with products shown as exact alone.
        per_product: {id: {"seconds", "shown", "settled", "tier", "score", "first_right"}}: seconds on screen, share of
            them in which it is shown, best tier, mean similarity while shown, and how many seconds after its first
            appearance it is shown first, or None.
        wrong: {id: seconds} for which products were shown wrongly, longest first.
    """
    judged = [m for m in moments if complete or any(i.holds(m.time) for i in truth)]
    lives = _lives(judged)
    rights = _right_pairs(truth, lives)

    def is_right(time: float, shown: Shown) -> bool:
        if complete:
            return any(i.product_id == shown.product_id and i.holds(time, SLACK_S) for i in seen or truth)
        return (shown.track, shown.product_id) in rights

    wrong_exact = [life for life in lives.values() if life.decision.tier == EXACT and not is_right(*life.seen[-1])]
    products = {p: _product(p, truth, judged) for p in dict.fromkeys(i.product_id for i in truth)}
    figures = {"precision": NONE + 1, "precision_exact": EXACT}
    return {
        "products": len(products),
        "tracks": len(lives),
        "top1": _ratio(sum(p["settled"] for p in products.values()), len(products)),
        **{name: _precision(judged, least, is_right) for name, least in figures.items()},
        "recall": _recall(truth, judged, NONE + 1),
        "recall_exact": _recall(truth, judged, EXACT),
        "false_exact": _ratio(len(wrong_exact), len(lives)),
        "per_product": products,
        "wrong": _wrong(judged, is_right),
    }


def flicker(moments: Iterable[Moment]) -> float:
    """Changes of the shown product per track minute. The first product of a track is no change; losing it is one."""
    changes, seconds = 0, 0.0
    last: dict[int, str] = {}
    for moment in moments:
        for shown in moment.shown:
            product = shown.product_id if shown.tier > NONE else ""
            before = last.get(shown.track, "")
            changes += bool(before) and product != before
            last[shown.track] = product
            seconds += moment.duration
    return round(60 * changes / seconds, 2) if seconds else 0.0


def _lives(judged: Iterable[Moment]) -> dict[int, TrackLife]:
    lives: dict[int, TrackLife] = {}
    for moment in judged:
        for shown in moment.shown:
            lives.setdefault(shown.track, TrackLife()).seen.append((moment.time, shown))
    return lives


def _right_pairs(truth: Sequence[Interval], lives: dict[int, TrackLife]) -> set[tuple[int, str]]:
    """(track, product) of every track that is on screen inside an interval of that product."""
    return {
        (track, interval.product_id)
        for track, life in lives.items()
        for interval in truth
        if any(interval.holds(time) for time, _ in life.seen)
    }


def _precision(judged: Iterable[Moment], least: int, is_right: Callable[[float, Shown], bool]) -> float:
    right = total = 0.0
    for moment in judged:
        for shown in (s for s in moment.shown if s.tier >= least and s.product_id):
            total += moment.duration
            right += moment.duration * is_right(moment.time, shown)
    return _ratio(right, total)


def _wrong(judged: Iterable[Moment], is_right: Callable[[float, Shown], bool]) -> dict[str, float]:
    seconds: Counter[str] = Counter()
    for moment in judged:
        for shown in moment.shown:
            if shown.tier > NONE and not is_right(moment.time, shown):
                seconds[shown.product_id] += moment.duration
    return {product: round(time, 2) for product, time in seconds.most_common()}


def _recall(truth: Sequence[Interval], judged: Iterable[Moment], least: int) -> float:
    right = total = 0.0
    for moment in judged:
        said = {s.product_id for s in moment.shown if s.tier >= least}
        there = {i.product_id for i in truth if i.holds(moment.time)}
        total += moment.duration * len(there)
        right += moment.duration * len(there & said)
    return _ratio(right, total)


def _product(product_id: str, truth: Sequence[Interval], judged: Iterable[Moment]) -> dict[str, Any]:
    own = [i for i in truth if i.product_id == product_id]
    inside = [m for m in judged if any(i.holds(m.time) for i in own)]
    showing = [(m, s) for m in inside for s in m.shown if s.product_id == product_id and s.tier > NONE]
    # The decision of a track inside an interval is what it says last there.
    ends = {s.track: s for m in inside for s in m.shown}
    settled = any(s.product_id == product_id and s.tier > NONE for s in ends.values())
    start = min(i.t_start for i in own)
    return {
        "seconds": round(sum(m.duration for m in inside), 2),
        "shown": _ratio(sum({m.time: m.duration for m, _ in showing}.values()), sum(m.duration for m in inside)),
        "settled": settled,
        "tier": max((s.tier for _, s in showing), default=NONE),
        "score": _ratio(sum(s.score for _, s in showing), len(showing)),
        "first_right": round(showing[0][0].time - start, 2) if showing else None,
    }


def _ratio(part: float, whole: float) -> float:
    return round(part / whole, 4) if whole else 0.0
