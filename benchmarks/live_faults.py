"""A live stream on a real server, shown in a real browser: faults one after the other, and what stands on screen."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.live_screen import Screen
from benchmarks.live_servers import RtmpServer, Sender
from benchmarks.live_stage import Shown, streaming
from benchmarks.timing import quantiles
from matcher.catalog.catalog import Catalog
from matcher.catalog.writer import CatalogWriter
from matcher.live.session import Session
from matcher.pipeline import Pipeline
from matcher.web.live.app import live_app
from matcher.web.live.hub import Hub
from matcher.web.live.message import key_of
from matcher.web.live.settings import CardConfig
from matcher.web.server import Serving
from matcher.web.token import Token

GIVE_UP_S = 30.0
SLACK_S = 1.0  # beside the time for which a card may stand after its product was last seen
LIMIT_S = CardConfig().hold_s + SLACK_S
_LOOK_S = 0.05

Told = Callable[[dict[str, Any]], None]


class Stage:
    """Everything that is broken in turn, and the page that is looked at all the while.

    Attributes:
        cards: ids of those on the page, when it was looked at last.
        oldest_s: the longest that a card stood there after a result had last named its product, since the last round.
    """

    def __init__(self, server: RtmpServer, sender: Sender, session: Session, screen: Screen, shown: Shown) -> None:
        """Take what runs."""
        self.server, self.sender, self.session, self.screen, self.shown = server, sender, session, screen, shown
        self.cards: set[str] = set()
        self.oldest_s = 0.0

    def look(self) -> None:
        """See what stands on the page now; what is not known to have been worn is infinitely old."""
        began = time.monotonic()
        self.cards = self.screen.cards()
        ages = [began - self.shown.seen.get(card, float("-inf")) for card in self.cards]
        self.oldest_s = max([self.oldest_s, *ages])

    def right(self) -> bool:
        """Whether a card of what is worn now is on the page."""
        return bool(self.cards & {key_of(product) for product in self.shown.products})

    def until(self, holds: Callable[[], bool], most_s: float = GIVE_UP_S) -> float | None:
        """Look until something holds; after how many seconds, or None where it does not, or the stream has crashed."""
        began = time.monotonic()
        while time.monotonic() - began < most_s and not self.session.wait(0):
            self.look()
            if holds():
                return round(time.monotonic() - began, 2)
            time.sleep(_LOOK_S)
        return None

    def back(self) -> dict[str, float | None]:
        """Wait for results, and for a right card."""
        before, began = self.shown.frames, time.monotonic()
        frames = self.until(lambda: self.shown.frames > before + 1)
        right = self.until(self.right)
        return {"frames_s": frames, "back_s": round(time.monotonic() - began, 2) if right is not None else None}


def live_faults(
    clip: Path, pipeline: Pipeline, folder: Path, rounds: int, told: Told = lambda row: None
) -> dict[str, Any]:
    """Break a running stream, and the page that shows it, again and again.

    Args:
        clip: H.264 with a key picture at least every second, in which products of the catalogue are worn.
        pipeline: not yet used, with a catalogue.
        folder: for what the server writes.
        rounds: faults, of each kind in turn.
        told: called with each round.

    Returns:
        {"rounds": [{"fault", "cleared_s", "frames_s", "back_s", "oldest_s", "stale", "dropped"}], "crashes",
        "stale_cards", "frames_s" and "back_s" (quantiles), "never_back", "connections"}: seconds from the fault until
        no card was on the page, and from the repair until there were results, and a card of what is worn then. A round
        is stale in which a card stood longer than `LIMIT_S` after a result had last named its product, or never left.

    Raises:
        BackendError: the server, ffmpeg, Playwright or Chromium is not there.
    """
    hub, shown, rows, crashes = Hub(), Shown(), [], 0
    with ExitStack() as stack:
        sinks = [shown, hub.add("in")]
        server, sender, session = stack.enter_context(streaming(clip, pipeline, folder, sinks))
        web = stack.enter_context(Serving(live_app(hub, Token("b" * 20))))
        screen = stack.enter_context(Screen(f"{web.url}/overlay"))
        stage = Stage(server, sender, session, screen, shown)
        stage.until(stage.right)
        for number in range(rounds):
            rows.append(_round(FAULTS[number % len(FAULTS)], stage, pipeline.catalog))
            told(rows[-1])
            crashes += session.wait(0)
            if crashes:
                break
        connections = session.live.status()[0].published[0].connections
    return {**_altogether(rows), "crashes": crashes, "connections": connections}


def _round(fault: str, stage: Stage, catalog: Catalog) -> dict[str, Any]:
    dropped, stage.oldest_s = stage.session.live.status()[0].dropped, 0.0
    row: dict[str, Any] = {"fault": fault, "cleared_s": None, "frames_s": None, "back_s": None}
    row |= _KINDS[fault](stage, catalog)
    stage.until(lambda: False, LIMIT_S)  # what should have gone by then
    never = fault in _SILENT and row["cleared_s"] is None
    row |= {"oldest_s": round(stage.oldest_s, 2), "stale": never or stage.oldest_s > LIMIT_S}
    return {**row, "dropped": stage.session.live.status()[0].dropped - dropped}


def _source_killed(stage: Stage, _: Catalog) -> dict[str, Any]:
    stage.sender.kill()
    cleared = stage.until(lambda: not stage.cards)
    stage.sender.start()
    return {"cleared_s": cleared, **stage.back()}


def _source_frozen(stage: Stage, _: Catalog) -> dict[str, Any]:
    stage.sender.freeze()
    cleared = stage.until(lambda: not stage.cards)
    stage.sender.freeze(False)
    return {"cleared_s": cleared, **stage.back()}


def _server_killed(stage: Stage, _: Catalog) -> dict[str, Any]:
    stage.server.kill()
    cleared = stage.until(lambda: not stage.cards)
    stage.sender.kill()
    stage.server.start()
    stage.sender.start()
    return {"cleared_s": cleared, **stage.back()}


def _browser_killed(stage: Stage, _: Catalog) -> dict[str, Any]:
    stage.screen.kill()
    stage.screen.start()
    return stage.back()


def _page_anew(stage: Stage, _: Catalog) -> dict[str, Any]:
    stage.screen.reload()
    return stage.back()


def _catalogue_swapped(stage: Stage, catalog: Catalog) -> dict[str, Any]:
    """Write the catalogue anew, under other ids; the page is to show these, and soon no others."""
    before = catalog.snapshot()
    facts = before.manifest
    prefix = f"generation {facts.generation + 1}: "
    with CatalogWriter(catalog.path, facts.dimension, facts.embedder, facts.bundle) as new:
        for row in range(len(before)):
            product = before.product(row)
            new.add(replace(product, id=prefix + product.id.split(": ")[-1]), before.reconstruct(row))
        new.commit()
    worn = stage.shown
    return {"back_s": stage.until(lambda: stage.right() and all(id_.startswith(prefix) for id_ in worn.products))}


def _altogether(rows: list[dict[str, Any]]) -> dict[str, Any]:
    came, back = ([row[name] for row in rows if row[name] is not None] for name in ("frames_s", "back_s"))
    return {
        "rounds": rows,
        "stale_cards": sum(row["stale"] for row in rows),
        "oldest_s": max((row["oldest_s"] for row in rows), default=0.0),
        "frames_s": quantiles(came) if came else {},
        "back_s": quantiles(back) if back else {},
        "never_back": sum(row["back_s"] is None for row in rows),
    }


_KINDS = {
    "source killed": _source_killed,
    "server killed": _server_killed,
    "browser killed": _browser_killed,
    "catalogue swapped": _catalogue_swapped,
    "source frozen": _source_frozen,
    "page loaded anew": _page_anew,
}
_SILENT = ("source killed", "source frozen", "server killed")  # what must empty the page
FAULTS = tuple(_KINDS)
