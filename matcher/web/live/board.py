"""One stream's cards: results come in from the engine's thread, people control it, pages are told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from matcher.errors import InputError
from matcher.sinks.base import Closing
from matcher.types import NONE, Frame, Garments, Product
from matcher.video.health import CLEARED, OVER, Health, State
from matcher.web.live.arrivals import Arrivals
from matcher.web.live.claims import Claims, Seen
from matcher.web.live.deck import Card, Deck
from matcher.web.live.journal import Journal
from matcher.web.live.known import Known
from matcher.web.live.message import card_json, key_of
from matcher.web.live.rules import Blocklist, Links
from matcher.web.live.settings import CardConfig
from matcher.web.live.worn import Worn

MOST_HIDDEN = 500
LOST_S = 1.0  # without frames for so long a source counts as lost
Find = Callable[[str], Product | None]


class Board(Closing):
    """A sink that keeps the cards of a stream. Safe to use from several threads.

    Attributes:
        name: of the stream, fit for addresses.
        links: how links are made.
        arrivals: wraps the stream's source, so that it is known when each frame came.
        journal: what pages are told.
        worn: pictures of the garments that cards follow.
        changes: how often a card came or went.
    """

    def __init__(
        self,
        name: str,
        config: CardConfig | None = None,
        links: Links | None = None,
        blocklist: Blocklist | None = None,
        find: Find = lambda product_id: None,
        clock: Callable[[], float] = time.monotonic,
        mark: Callable[[Frame], int] = lambda frame: frame.index,
    ) -> None:
        """Begin without cards.

        Args:
            name: letters, digits, `-`, `_` and `.`.
            config: how cards come and go.
            links: how links are made.
            blocklist: what is never shown; streams may share it.
            find: gives the listing of a product's id, for pinning what was not seen yet.
            clock: seconds, growing.
            mark: what pages are told of a frame, so that a measurement knows it again.
        """
        self.name, self.links, self.journal = name, links or Links(), Journal()
        self._config, self._clock, self._mark = config or CardConfig(), clock, mark
        self.arrivals, self.worn = Arrivals(clock), Worn()
        self._blocklist, self._find = blocklist or Blocklist(), find
        self._claims, self._deck = Claims(self._config), Deck(self._config)
        self._known = Known()
        self._hidden: set[str] = set()
        self._lock = threading.RLock()
        self._paused = self._elsewhere = False
        self._health = Health()
        self._last, self._size, self._shown, self.changes = float("-inf"), (0, 0), frozenset(), 0
        self._publish()

    def watch(self, source: Any) -> Any:
        """The stream's source, with the time noted at which each frame comes; see `Session`."""
        return self.arrivals.watch(source)

    def write(self, frame: Frame, garments: Garments) -> None:
        """Take the settled garments of the next frame."""
        now, came = self._clock(), self.arrivals.of(frame)
        with self._lock:
            self._last, self._size = now, frame.size
            seen = [] if self._quiet else self._seen(frame, garments)
            if not self._quiet:
                self._deck.see(self._claims.see(seen, now, self._shown), now)
                self._look(frame, garments)
            self._publish(came)
            shot = int(garments.shot[0]) if len(garments) and garments.has("shot") else 0
            worn = [one.box for one in seen]
            self.journal.boxes(1e3 * came, self._mark(frame), shot, self.cards(), worn)
        self.journal.tell()

    def close(self, ok: bool = True) -> None:
        """The source has ended; its cards go."""
        if self._health.state not in OVER:
            self.health(Health(State.ENDED))

    def turn_to(self, find: Find) -> None:
        """Go on with another run of the stream, and perhaps another catalogue; see the constructor."""
        with self._lock:
            self._find, self._paused = find, False
        self.health(Health(State.CONNECTING))

    def health(self, health: Health) -> None:
        """Take how the source does; where it is lost, paused or ended, all cards go at once but those pinned."""
        with self._lock:
            self._health = health
            if health.state in CLEARED:
                self._claims.reset()
                self._deck.clear()
        self.tick()

    def tick(self) -> None:
        """Let cards go whose time is over; called ten times a second, frames or not."""
        with self._lock:
            self._deck.tick(self._clock())
            changed = self._publish()
        if changed:
            self.journal.tell()

    def pause(self, paused: bool) -> None:
        """Show nothing, not even what is pinned, until it is undone."""
        self._paused = paused
        self.tick()

    def elsewhere(self, elsewhere: bool) -> None:
        """The same because OBS shows a scene in which there are to be no cards."""
        if elsewhere != self._elsewhere:
            self._elsewhere = elsewhere
            self.tick()

    def pin(self, key: str, pinned: bool) -> None:
        """Keep a product's card whatever is seen, or let it go again.

        Args:
            key: of a product that was seen, or the id of one in the catalogue.
            pinned: false undoes it.

        Raises:
            InputError: no such product is known, or it is blocked.
        """
        product = self.product(key)
        if pinned and self._blocklist.blocks(product):
            raise InputError(f"{product.name} is blocked; allow it first")
        with self._lock:
            if pinned:
                self._hidden.discard(key_of(product.id))
                self._deck.pin(product, self._clock())
            else:
                self._deck.unpin(product.id, self._clock())
        self.tick()

    def hide(self, key: str, hidden: bool) -> None:
        """Show a product no more in this stream, until it is undone or the server ends.

        Raises:
            InputError: no such product is known.
        """
        product = self.product(key)
        with self._lock:
            if not hidden:
                self._hidden.discard(key_of(product.id))
            elif len(self._hidden) < MOST_HIDDEN:
                self._hidden.add(key_of(product.id))
                self._deck.drop([product.id])
        self.tick()

    def recheck(self) -> None:
        """Take away what the blocklist forbids by now."""
        with self._lock:
            cards = [*self._deck.cards, *self._deck.waiting]
            self._deck.drop(card.product.id for card in cards if self._blocklist.blocks(card.product))
        self.tick()

    def product(self, key: str) -> Product:
        """A product by its key, or by its id.

        Raises:
            InputError: none is known.
        """
        found = self.seen(key) or self._find(key)
        if found is None:
            raise InputError("no such product was seen or is in the catalogue")
        self._known.add(found)
        return found

    def seen(self, key: str) -> Product | None:
        """A product that was seen lately, by its key."""
        return self._known.get(key)

    @property
    def reason(self) -> str:
        """Why the source is not live, one plain line; empty where it is."""
        return self._health.reason

    def cards(self) -> list[Card]:
        """What is shown now; nothing while it is quiet."""
        with self._lock:
            return [] if self._quiet else self._deck.cards

    @property
    def state(self) -> str:
        """One of `State`; paused also by us, "elsewhere" where OBS shows another scene, lost also without frames."""
        if self._quiet and self._health.state != State.FAILED:
            return "paused" if self._paused else "elsewhere"
        stalled = self._health.state == State.LIVE and self._clock() - self._last > LOST_S
        return str(State.LOST if stalled else self._health.state)

    def snapshot(self) -> dict[str, Any]:
        """For the dashboard: the state, what is shown, what waits for room, and what is hidden."""
        with self._lock:
            told = [self._told(card) | {"shown": not self._quiet} for card in self._deck.cards]
            told += [self._told(card) | {"shown": False} for card in self._deck.waiting]
            found = [(key, self._known.get(key)) for key in sorted(self._hidden)]
            hidden = [{"id": key, "title": product.name if product else key} for key, product in found]
            facts = {"state": self.state, "paused": self._paused, "viewers": self.journal.listeners}
            return {"name": self.name, **facts, "changes": self.changes, "cards": told, "hidden": hidden}

    @property
    def _quiet(self) -> bool:
        return self._paused or self._elsewhere

    def _seen(self, frame: Frame, garments: Garments) -> list[Seen]:
        if not len(garments) or not garments.has("tier"):
            return []
        shares = garments.xyxy / [*frame.size, *frame.size]
        places = [tuple(map(float, (*box[:2], *(box[2:] - box[:2])))) for box in shares]
        return [
            Seen(int(track), self._allowed(i, garments), int(garments.tier[i]), places[i])
            for i, track in enumerate(garments.track_id)
            if track >= 0
        ]

    def _allowed(self, row: int, garments: Garments) -> Product | None:
        if garments.tier[row] <= NONE or not garments.product_row.shape[1]:
            return None
        product = garments.listing(int(garments.product_row[row, 0]))
        if product is None or key_of(product.id) in self._hidden or self._blocklist.blocks(product):
            return None
        self._known.add(product)
        return product

    def _look(self, frame: Frame, garments: Garments) -> None:
        """Keep pictures of what is worn."""
        garments = garments.seen
        rows = {int(track): i for i, track in enumerate(garments.track_id)} if garments.has("track_id") else {}
        for card in self._deck.cards:
            if card.track in rows:
                self.worn.look(card.product.id, frame, garments[rows[card.track]])

    def _told(self, card: Card) -> dict[str, Any]:
        return card_json(card, self.links, self.name)

    def _publish(self, came: float | None = None) -> bool:
        cards = self.cards()
        shown = frozenset(card.product.id for card in cards)
        self.changes += len(shown ^ self._shown)
        self._shown = shown
        t_ms = 1e3 * (self._clock() if came is None else came)
        return self.journal.cards(t_ms, {"state": self.state, "size": self._size, "cards": [*map(self._told, cards)]})
