"""Which cards are shown: they come when there is room, stay for a moment when their product goes, and take turns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from matcher.types import EXACT, Product
from matcher.web.live.claims import Box, Claim
from matcher.web.live.settings import CardConfig


@dataclass(slots=True)
class Card:
    """One product on screen.

    Attributes:
        product: the listing.
        tier: 1 similar, 2 exact; 0 for a pinned product that was not seen.
        track: the garment that the card follows; -1 = none.
        box: where it was seen last, as shares of the picture; None where it was never seen.
        came: when the card came, seconds.
        seen: when its product was last seen for sure.
        held: when its garment was last seen, though it may have been taken for something else in that moment.
        pinned: whether it stays whatever is seen.
    """

    product: Product
    tier: int
    track: int
    box: Box | None
    came: float
    seen: float
    held: float
    pinned: bool = False

    def follow(self, claim: Claim, now: float) -> None:
        """Take what is seen of its product now."""
        self.box, self.track, self.held = claim.box, claim.track, now
        if claim.sure:
            self.seen, self.tier, self.product = now, claim.tier, claim.product


class Deck:
    """The cards of one stream, keyed by product: a person who turns away and comes back has the same card."""

    def __init__(self, config: CardConfig) -> None:
        """Begin without cards."""
        self._config = config
        self._cards: dict[str, Card] = {}
        self._waiting: dict[str, Card] = {}
        self._pins: dict[str, Product] = {}
        self._last_frame = float("-inf")

    @property
    def cards(self) -> list[Card]:
        """What is shown, in the order in which it came, pinned ones first."""
        return sorted(self._cards.values(), key=lambda card: not card.pinned)

    @property
    def waiting(self) -> list[Card]:
        """What is seen and has no room."""
        return [card for id_, card in self._waiting.items() if id_ not in self._cards]

    def see(self, claims: Iterable[Claim], now: float) -> None:
        """Take the claims of a frame. Of two garments taken for one product the card follows the larger, with
        preference for the one that it followed before."""
        self._last_frame = now
        best = self._best(claims)
        self._replace(best.values())
        for id_, claim in best.items():
            known = self._cards.get(id_) or self._waiting.get(id_)
            if known is not None:
                known.follow(claim, now)
            elif claim.sure:
                self._waiting[id_] = Card(claim.product, claim.tier, claim.track, claim.box, now, now, now)
        self.tick(now)

    def tick(self, now: float) -> None:
        """Let cards go whose time is over, and others come; called often, frames or not."""
        self._cards = {id_: card for id_, card in self._cards.items() if card.pinned or self._stays(card, now)}
        self._waiting = {id_: card for id_, card in self._waiting.items() if self._waits(card, now)}
        self._pin(now)
        self._rotate(now)
        self._admit(now)

    def drop(self, ids: Iterable[str]) -> None:
        """Take cards away at once."""
        for id_ in set(ids):
            self._cards.pop(id_, None)
            self._waiting.pop(id_, None)
            self._pins.pop(id_, None)

    def pin(self, product: Product, now: float) -> None:
        """Keep a product's card, seen or not."""
        self._pins[product.id] = product
        self.tick(now)

    def unpin(self, product_id: str, now: float) -> None:
        """Let the product's card come and go as others do."""
        self._pins.pop(product_id, None)
        if product_id in self._cards:
            self._cards[product_id].pinned = False
        self.tick(now)

    def clear(self) -> None:
        """Take all cards away but those pinned."""
        self._waiting = {}
        self._cards = {id_: card for id_, card in self._cards.items() if card.pinned}

    def _best(self, claims: Iterable[Claim]) -> dict[str, Claim]:
        best: dict[str, Claim] = {}
        for claim in claims:
            id_ = claim.product.id
            if id_ not in best or self._rank(claim) > self._rank(best[id_]):
                best[id_] = claim
        return best

    def _rank(self, claim: Claim) -> tuple[bool, bool, float]:
        card = self._cards.get(claim.product.id)
        return claim.sure, card is not None and card.track == claim.track, claim.area

    def _replace(self, claims: Iterable[Claim]) -> None:
        """A garment that is now taken for something else takes its old card away, however short that was shown."""
        taken = {claim.track: claim.product.id for claim in claims if claim.sure}
        old = [id_ for id_, card in self._cards.items() if taken.get(card.track, id_) != id_ and not card.pinned]
        for id_ in set(old) - set(taken.values()):
            del self._cards[id_]

    def _stays(self, card: Card, now: float) -> bool:
        config = self._config
        # Without frames nothing is known: the last state is held for the moment that may pass at all.
        stalled = now - self._last_frame > config.linger_s
        until = max(card.held + config.linger_s, card.came + config.least_s)
        return now <= card.seen + config.hold_s and (stalled or now <= until)

    def _waits(self, card: Card, now: float) -> bool:
        return now <= min(card.held + self._config.linger_s, card.seen + self._config.hold_s)

    def _pin(self, now: float) -> None:
        for id_, product in self._pins.items():
            if id_ not in self._cards:
                known = self._waiting.pop(id_, None)
                card = known or Card(product, 0, -1, None, now, float("-inf"), float("-inf"))
                card.came, self._cards[id_] = now, card
            self._cards[id_].pinned = True

    def _rotate(self, now: float) -> None:
        """The card that is shown longest makes room for one that waits."""
        loose = [card for card in self._cards.values() if not card.pinned]
        if not self._config.rotate_s or not self._waiting or self._room() > 0 or not loose:
            return
        oldest = min(loose, key=lambda card: card.came)
        if now - oldest.came >= self._config.rotate_s:
            del self._cards[oldest.product.id]
            self._admit(now)
            oldest.came = now
            self._waiting[oldest.product.id] = oldest

    def _admit(self, now: float) -> None:
        """Exact ones first, then whoever waits longest."""
        queue = sorted(self._waiting.items(), key=lambda item: (item[1].tier != EXACT, item[1].came))
        for id_, card in queue[: max(self._room(), 0)]:
            card.came, self._cards[id_] = now, self._waiting.pop(id_)

    def _room(self) -> int:
        return self._config.most - len(self._cards)
