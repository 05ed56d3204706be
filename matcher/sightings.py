"""From the garments of every frame to the times at which products were on screen."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from matcher.attributes.describe import Attributes
from matcher.attributes.of_garment import Measured, is_described
from matcher.best_view import BestView
from matcher.people import WornTogether
from matcher.types import NONE, Frame, Garments, Product

_NOTHING = -1


@dataclass(frozen=True)
class Sighting:
    """One appearance of one product.

    Attributes:
        product: the listing.
        tier: 1 similar, 2 exact.
        first: exact time in seconds at which its first frame is shown.
        last: exact time at which its last frame goes.
        screen_time: seconds for which it was seen between these, without the gaps.
        mean_score: mean similarity over its frames.
        best_frame: index of the frame with the best view (`Frame.index`).
        best_time: exact time of that frame, seconds.
        best_box: where the garment is in it, xyxy pixels.
        shot: number of the shot, from 1.
        tracks: the tracks that it was seen in.
        type: the product's type, else the type seen.
        thumbnail: JPEG of the best view, at most 176 px; empty if there was none.
        attributes: what the best seen of its tracks looks like.
        outfits: who wore it: numbers of groups of garments that were worn together (`people.WornTogether`).
    """

    product: Product
    tier: int
    first: Fraction
    last: Fraction
    screen_time: Fraction
    mean_score: float
    best_frame: int
    shot: int
    tracks: tuple[int, ...]
    type: str
    thumbnail: bytes = field(default=b"", repr=False)
    attributes: Attributes = Attributes()
    outfits: tuple[int, ...] = ()
    best_time: Fraction = Fraction(0)
    best_box: tuple[float, ...] = ()


@dataclass
class _Votes:
    """What was decided for one product in one run."""

    frames: int = 0
    score: float = 0.0
    tier: int = NONE


@dataclass
class _Run:
    """One track, seen without a long gap within one shot."""

    track: int
    shot: int
    spans: list[tuple[Fraction, Fraction]] = field(default_factory=list)
    votes: dict[int, _Votes] = field(default_factory=lambda: defaultdict(_Votes))
    best: BestView = field(default_factory=BestView)
    look: Measured = Measured()

    def seen(self, start: Fraction, end: Fraction) -> None:
        """Add the time of one frame, joining it to the one before."""
        if self.spans and self.spans[-1][1] == start:
            self.spans[-1] = (self.spans[-1][0], end)
        else:
            self.spans.append((start, end))


class SightingLog:
    """Collects frames and gives the sightings at the end.

    A frame lasts until the next one begins. Only tiers similar and exact become sightings. With `retroactive`, the
    decision that held for most of a track's frames since its first one (no product counts as a decision too; the
    later wins a tie) is applied to the whole track: a file's viewer asks when a product was seen, not when it was
    recognised. Without, each frame counts as it was decided at that moment, as live viewers saw it.
    """

    def __init__(
        self,
        products: Callable[[int], Product | None] | None = None,
        retroactive: bool = True,
        gap_s: float = 0.5,
        thumbnails: bool = True,
    ) -> None:
        """Set it up.

        Args:
            products: gives the listing of a catalogue row; by default the one attached to the garments.
            retroactive: whether a track's decision also holds for its earlier frames.
            gap_s: appearances of a product in one shot that are closer than this are one.
            thumbnails: whether to keep a picture of the best view.
        """
        self._products, self._retroactive, self._thumbnails = products, retroactive, thumbnails
        self._gap = Fraction(gap_s).limit_denominator(1000)
        self._runs: dict[object, list[_Run]] = defaultdict(list)
        self._open: list[_Run] = []
        self._listings: dict[int, Product] = {}
        self._stands_for: dict[int, int] = {}
        self._first_row: dict[str, int] = {}
        self._start: Fraction | None = None
        self._step = Fraction(1, 25)
        self._together = WornTogether()

    def add(self, frame: Frame, garments: Garments, shot: int = 1) -> None:
        """Take the settled garments of the next frame.

        Args:
            frame: with its image, for the thumbnails.
            garments: after the stage "settle"; rows without a track are left out.
            shot: number of the shot that the frame belongs to, from 1.

        Raises:
            StageError: the garments were not tracked, looked up or settled.
        """
        now = frame.timestamp
        # Only now is it known how long the frame before this one was shown.
        if self._start is not None:
            self._step = now - self._start
            self._end_frame(now)
        self._start = now
        garments = garments.seen
        if not len(garments):
            return
        self._together.add(garments, shot)
        rows, scores = _best(garments)
        tiers, tracks = garments.tier, garments.track_id
        for i in range(len(garments)):
            if tracks[i] < 0:
                continue
            decided = self._decided(int(rows[i]), garments) if tiers[i] > NONE else _NOTHING
            if decided == _NOTHING and not self._retroactive:
                continue
            run = self._run(int(tracks[i]), decided, shot, now)
            # Rounded as in frames.jsonl, so that a run that is read again gives the same numbers.
            self._vote(run, decided, round(float(scores[i]), 4), int(tiers[i]))
            if not garments.carried:
                run.best.look(frame, garments[i], self._thumbnails)
            if is_described(garments):
                run.look = Measured.of(garments, i)
            self._open.append(run)

    def finish(self, end: Fraction | None = None) -> list[Sighting]:
        """The sightings, in the order of their times.

        Args:
            end: exact time at which the last frame goes; by default it lasts as long as the one before it.
        """
        if self._start is not None:
            self._end_frame(end if end is not None and end > self._start else self._start + self._step)
        pieces: dict[tuple[int, int], list[tuple[_Run, _Votes]]] = defaultdict(list)
        worn: dict[int, set[str]] = defaultdict(set)
        for runs in self._runs.values():
            row, votes = _decision(runs)
            if row != _NOTHING:
                worn[runs[0].track].add(self._listings[row].id)
            for run in runs if row != _NOTHING else ():
                # A stretch before the decision has no score of its own: it takes the track's.
                own = run.votes.get(row)
                pieces[row, run.shot].append((run, _Votes(own.frames, own.score, votes.tier) if own else votes))
        found = [s for (row, _), group in pieces.items() for s in self._merge(self._listings[row], group)]
        outfits = self._together.outfits(worn)
        whose = (tuple(sorted({outfits[t] for t in s.tracks if t in outfits})) for s in found)
        found = [replace(s, outfits=numbers) for s, numbers in zip(found, whose, strict=True)]
        return sorted(found, key=lambda s: (s.first, s.product.id))

    def _decided(self, row: int, garments: Garments) -> int:
        """The row that stands for this row's product (several pictures of it may be rows); `_NOTHING` if gone."""
        if row not in self._stands_for:
            product = (self._products or garments.listing)(row) if row >= 0 else None
            if product is None:
                return _NOTHING
            self._stands_for[row] = self._first_row.setdefault(product.id, row)
            self._listings.setdefault(self._stands_for[row], product)
        return self._stands_for[row]

    def _run(self, track: int, decided: int, shot: int, now: Fraction) -> _Run:
        runs = self._runs[track if self._retroactive else (track, decided)]
        if not runs or runs[-1].shot != shot or (runs[-1].spans and now - runs[-1].spans[-1][1] >= self._gap):
            runs.append(_Run(track, shot))
        return runs[-1]

    def _vote(self, run: _Run, decided: int, score: float, tier: int) -> None:
        begun = decided != _NOTHING or any(r.votes for r in self._runs.get(run.track, ()))
        if begun:  # frames before the first decision are undecided, not against
            votes = run.votes.pop(decided, None) or _Votes()  # put last again: the order tells the latest
            votes.frames, votes.score, votes.tier = votes.frames + 1, votes.score + score, tier
            run.votes[decided] = votes

    def _end_frame(self, now: Fraction) -> None:
        for run in self._open:
            run.seen(self._start, now)
        self._open = []

    def _merge(self, product: Product, group: list[tuple[_Run, _Votes]]) -> Iterable[Sighting]:
        """Join runs of one product in one shot that overlap or nearly touch."""
        group.sort(key=lambda piece: piece[0].spans[0])
        joined: list[list[tuple[_Run, _Votes]]] = []
        end = Fraction(0)
        for piece in group:
            # The end may lie before the latest run's: runs of two tracks overlap.
            if joined and piece[0].spans[0][0] - end < self._gap:
                joined[-1].append(piece)
                end = max(end, piece[0].spans[-1][1])
            else:
                joined.append([piece])
                end = piece[0].spans[-1][1]
        return (_sighting(product, pieces) for pieces in joined)


def _best(garments: Garments) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Each garment's best catalogue row (N,), -1 for none, and its similarity (N,)."""
    if not garments.product_row.shape[1]:
        return np.full(len(garments), _NOTHING), np.zeros(len(garments), np.float32)
    return garments.product_row[:, 0], np.nan_to_num(garments.match_score[:, 0])


def _decision(runs: list[_Run]) -> tuple[int, _Votes]:
    """The catalogue row that a track is taken to be, and its votes; `_NOTHING` for none."""
    frames: Counter[int] = Counter()
    latest: dict[int, int] = {}
    total: dict[int, _Votes] = defaultdict(_Votes)
    for order, (row, votes) in enumerate(item for run in runs for item in run.votes.items()):
        frames[row] += votes.frames
        latest[row] = order
        sums = total[row]
        sums.frames, sums.score, sums.tier = frames[row], sums.score + votes.score, votes.tier
    if not frames:
        return _NOTHING, _Votes()
    row = max(frames, key=lambda r: (frames[r], latest[r]))
    return row, total[row]


def _sighting(product: Product, pieces: list[tuple[_Run, _Votes]]) -> Sighting:
    runs = [run for run, _ in pieces]
    # Two people in the same shirt are still one product on screen.
    spans = _union(span for run in runs for span in run.spans)
    seen_best = max(runs, key=lambda run: run.best.quality)
    best = seen_best.best
    frames = sum(votes.frames for _, votes in pieces)
    return Sighting(
        product=product,
        tier=max(votes.tier for _, votes in pieces),
        first=spans[0][0],
        last=spans[-1][1],
        screen_time=sum((end - start for start, end in spans), Fraction(0)),
        mean_score=sum(votes.score for _, votes in pieces) / max(frames, 1),
        best_frame=best.frame,
        shot=runs[0].shot,
        tracks=tuple(sorted({run.track for run in runs})),
        type=product.type or best.type,
        thumbnail=best.jpeg,
        best_time=best.time,
        best_box=best.box,
        attributes=seen_best.look.read(),
    )


def _union(spans: Iterable[tuple[Fraction, Fraction]]) -> list[tuple[Fraction, Fraction]]:
    """Spans without overlaps, in order."""
    result: list[tuple[Fraction, Fraction]] = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result
