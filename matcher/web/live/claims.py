"""What each track is taken for: the settled product once it has stood for a moment, so that cards do not flicker."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from matcher.types import EXACT, NONE, Product
from matcher.web.live.settings import CardConfig

Box = tuple[float, float, float, float]
FORGET_S = 10.0  # tracks not seen for so long are forgotten


@dataclass(frozen=True, slots=True)
class Seen:
    """One garment of one frame as it was settled.

    Attributes:
        track: its number.
        product: None where nothing was settled on, or where it must not be shown.
        tier: 0 none, 1 similar, 2 exact.
        box: x, y, width, height as shares of the picture's width and height.
    """

    track: int
    product: Product | None
    tier: int
    box: Box


@dataclass(frozen=True, slots=True)
class Claim:
    """What a garment is taken for.

    Attributes:
        product: the listing.
        track: the garment's track.
        tier: 1 similar, 2 exact.
        box: as in `Seen`.
        sure: false while the track says something else, or nothing, but not yet for long enough to be believed.
    """

    product: Product
    track: int
    tier: int
    box: Box
    sure: bool

    @property
    def area(self) -> float:
        """Share of the picture that the box covers."""
        return self.box[2] * self.box[3]


@dataclass(slots=True)
class _Track:
    says: str = ""
    since: float = 0.0
    last: float = 0.0
    taken: Claim | None = None


class Claims:
    """Follows what tracks say over time."""

    def __init__(self, config: CardConfig) -> None:
        """Know no track yet."""
        self._config = config
        self._tracks: dict[int, _Track] = {}

    def see(self, seen: list[Seen], now: float, shown: Collection[str] = ()) -> list[Claim]:
        """Take the garments of a frame; what those that are taken for something are taken for.

        Args:
            seen: each track at most once.
            now: seconds, growing.
            shown: ids of products that have a card. Whoever wears one of these needs no time to be believed: the
                garment was there a moment ago, and only its track is new.
        """
        found = [claim for one in seen if (claim := self._take(one, now, shown)) is not None]
        if len(self._tracks) > 2 * len(seen):
            self._tracks = {n: track for n, track in self._tracks.items() if now - track.last < FORGET_S}
        return found

    def reset(self) -> None:
        """Forget all tracks."""
        self._tracks = {}

    def _take(self, seen: Seen, now: float, shown: Collection[str]) -> Claim | None:
        track = self._tracks.setdefault(seen.track, _Track(since=now))
        says = seen.product.id if seen.product is not None and self._counts(seen.tier) else ""
        if says != track.says:
            track.says, track.since = says, now
        track.last = now
        taken, stood = track.taken, now - track.since
        same = says in shown if taken is None else says == taken.product.id
        if says and (same or stood >= self._needed(seen.tier, taken)):
            track.taken = Claim(seen.product, seen.track, seen.tier, seen.box, True)
        elif taken is not None and (says or stood <= self._config.change_s):
            track.taken = Claim(taken.product, seen.track, taken.tier, seen.box, False)
        else:
            track.taken = None
        return track.taken

    def _counts(self, tier: int) -> bool:
        return tier == EXACT or (tier > NONE and self._config.similar)

    def _needed(self, tier: int, taken: Claim | None) -> float:
        appear = self._config.appear_s if tier == EXACT else self._config.appear_similar_s
        return appear if taken is None else max(appear, self._config.change_s)
