"""How steady cards are on drawn clips with exact truth: changes while a garment is in the picture, and wrong ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.showcase import make_showcase
from indexer.cli import index
from matcher.config import EngineConfig
from matcher.engine.schedule import Schedule
from matcher.runner import run
from matcher.sinks.base import Closing
from matcher.types import EXACT, NONE, Frame, Garments
from matcher.video.open import open_video
from matcher.web.live.board import Board
from matcher.web.live.settings import CardConfig
from training.evaluation.video_eval import open_pipeline
from training.evaluation.video_score import SLACK_S, Moment, Shown, flicker
from training.evaluation.video_truth import Interval, load_truth

# Room for all, so that no change is one of turns.
ROOMY = CardConfig(most=12, rotate_s=0)


class CardLog(Closing):
    """A sink that shows results on a board, on the clip's own time, and notes what each track has for a card.

    Attributes:
        settled: what each track was settled on, frame by frame.
        cards: which card it had.
        stale: the longest time in seconds for which a card was shown without its product being settled on by any track.
    """

    def __init__(self, config: CardConfig = ROOMY) -> None:
        """Begin with no cards."""
        self._now = 0.0
        self.board = Board("clip", config, clock=lambda: self._now)
        self.settled: list[Moment] = []
        self.cards: list[Moment] = []
        self.stale = 0.0
        self._seen: dict[str, float] = {}

    def write(self, frame: Frame, garments: Garments) -> None:
        """Take the next frame."""
        step, self._now = max(frame.time - self._now, 0.0), frame.time
        self.board.write(frame, garments)
        settled = tuple(self._settled(garments))
        held = {card.track: card for card in self.board.cards()}
        shown = tuple(
            Shown(one.track, held[one.track].product.id, held[one.track].tier)
            if one.track in held
            else Shown(one.track, "", NONE)
            for one in settled
        )
        self.settled.append(Moment(frame.time, step, settled))
        self.cards.append(Moment(frame.time, step, shown))
        self._seen |= {one.product_id: frame.time for one in settled if one.tier > NONE}
        ages = [frame.time - self._seen[card.product.id] for card in held.values()]
        self.stale = max([self.stale, *ages])

    def close(self, ok: bool = True) -> None:
        """Nothing is open."""

    def _settled(self, garments: Garments) -> list[Shown]:
        rows = zip(garments.track_id, garments.product_row, garments.tier, strict=True) if len(garments) else ()
        return [
            Shown(int(track), found.id if (found := garments.listing(int(row[0]))) else "", int(tier))
            for track, row, tier in rows
            if track >= 0
        ]


def card_flicker(
    folder: Path, seeds: Sequence[int], per_type: int, seconds: float, every: int, bundle: str | None, threads: int
) -> list[dict[str, Any]]:
    """Match drawn clips and judge settled results and cards alike.

    Args:
        folder: for what is drawn.
        seeds: of the clips.
        per_type: products of each type in the shop.
        seconds: length of each clip.
        every: frames for each detection, as live sources have it; the others are carried.
        bundle: the weights; the packaged ones when None.
        threads: of each model.

    Returns:
        For each clip {"seed", "track_minutes", "settled": figures, "cards": figures, "stale_s"}. Figures: "changes" of
        the shown product a minute of a track's life, "wrong_changes" those after which a product is shown that is not
        there, "precision" share of the time that products are shown in which they are there.
    """
    rows = []
    for seed in seeds:
        showcase = make_showcase(folder / str(seed), seed, per_type, (1280, 720), seconds)
        catalog = folder / str(seed) / "catalog"
        index(showcase.feed, out=catalog, bundle=bundle)
        pipeline, _ = open_pipeline(catalog, bundle=bundle, threads=threads)
        log = CardLog()
        with open_video(showcase.video) as source:
            run(source, [log], pipeline, schedule=Schedule(EngineConfig(detect_every=every)))
        truth = load_truth(showcase.seen)
        minutes = sum(moment.duration * len(moment.shown) for moment in log.cards) / 60
        judged = {name: _figures(_from_zero(moments), truth, minutes) for name, moments in _both(log)}
        rows.append({"seed": seed, "track_minutes": round(minutes, 2), **judged, "stale_s": round(log.stale, 2)})
    return rows


def _both(log: CardLog) -> list[tuple[str, list[Moment]]]:
    return [("settled", log.settled), ("cards", log.cards)]


def _from_zero(moments: list[Moment]) -> list[Moment]:
    start = moments[0].time if moments else 0.0
    return [replace(moment, time=moment.time - start) for moment in moments]


def _figures(moments: list[Moment], truth: Sequence[Interval], minutes: float) -> dict[str, float]:
    def right(time: float, product: str) -> bool:
        return any(one.product_id == product and one.holds(time, SLACK_S) for one in truth)

    last: dict[int, str] = {}
    wrong, good, total = 0, 0.0, 0.0
    for moment in moments:
        for one in moment.shown:
            product = one.product_id if one.tier > NONE else ""
            if product and product != last.get(one.track, "") and not right(moment.time, product):
                wrong += 1
            last[one.track] = product
            total += moment.duration * bool(product)
            good += moment.duration * (bool(product) and right(moment.time, product))
    return {
        "changes": flicker(moments),
        "wrong_changes": round(wrong / minutes, 2) if minutes else 0.0,
        "precision": round(good / total, 4) if total else 0.0,
        "exact": round(sum(m.duration for m in moments for one in m.shown if one.tier == EXACT) / max(total, 1e-9), 4),
    }
