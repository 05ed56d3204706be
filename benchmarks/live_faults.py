"""Live streams on real servers: faults one after the other, a long time without any, and how late results are."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import live_sender
from benchmarks.live_servers import RtmpServer, Sender, sending
from benchmarks.long_run import slope, watch
from benchmarks.picture_code import BITS, read_code
from benchmarks.timing import quantiles
from matcher.catalog.catalog import Catalog
from matcher.catalog.writer import CatalogWriter
from matcher.live.session import Session
from matcher.live.spec import StreamSpec
from matcher.pipeline import Pipeline
from matcher.sinks.base import Closing, Sink
from matcher.types import NONE, Frame, Garments
from matcher.video.health import CLEARED, Health

FAULTS = ("source killed", "source frozen", "server killed", "catalogue swapped")
GIVE_UP_S = 30.0
_SLACK_S = 1.0  # beside the time after which a source's cards are to be cleared
_WARM_S = 4.0

Told = Callable[[dict[str, Any]], None]


class Shown(Closing):
    """What a viewer sees: the products on screen, when results came, and for how long the last ones stood alone."""

    def __init__(self) -> None:
        """Nothing is on screen."""
        self.products: set[str] = set()
        self.frames, self.came_s, self.cleared_s, self.alone_s = 0, time.monotonic(), 0.0, 0.0

    def write(self, frame: Frame, garments: Garments) -> None:
        """Take a result."""
        settled = [one.product for one in garments if garments.has("tier") and one.tier[0] > NONE]
        self.products = {product.id for product in settled if product is not None}
        self.frames, self.came_s = self.frames + 1, time.monotonic()

    def health(self, health: Health) -> None:
        """Take how the source does."""
        if health.state in CLEARED:
            self.products, self.cleared_s = set(), time.monotonic()
            self.alone_s = self.cleared_s - self.came_s

    def close(self, ok: bool = True) -> None:
        """Nothing is open."""


@contextmanager
def _streaming(
    clip: Path, pipeline: Pipeline, folder: Path, sink: Sink, publish: bool
) -> Iterator[tuple[RtmpServer, Sender, Session]]:
    """A clip sent to an RTMP server, matched from there and published there again."""
    server = RtmpServer(folder)
    with ExitStack() as stack:
        stack.callback(server.kill)
        sender = stack.enter_context(sending(clip, server.url("in")))
        spec = StreamSpec(server.url("in"), "in", publish=server.url("out") if publish else "")
        session = stack.enter_context(Session([spec], pipeline, lambda channel: [sink]))
        stack.callback(session.live.stop)
        yield server, sender, session


def live_faults(
    clip: Path, pipeline: Pipeline, folder: Path, rounds: int, told: Told = lambda row: None
) -> dict[str, Any]:
    """Break a running stream again and again.

    Args:
        clip: H.264 with a key picture at least every second, in which products of the catalogue are worn.
        pipeline: not yet used, with a catalogue.
        folder: for what the server writes.
        rounds: faults, of each kind in turn.
        told: called with each round.

    Returns:
        {"rounds": [{"fault", "cleared_s", "stale", "frames_s", "back_s", "dropped"}], "crashes", "stale_cards",
        "frames_s" and "back_s" (quantiles), "never_back", "connections"}: seconds from the fault until no product was
        shown, and from the start of the sender until there were results, and a product; a card is stale that was still
        shown when it should have been cleared, long after the last result.
    """
    shown, rows, crashes = Shown(), [], 0
    with _streaming(clip, pipeline, folder, shown, publish=True) as (server, sender, session):
        _until(lambda: bool(shown.products), session)
        for number in range(rounds):
            fault = FAULTS[number % len(FAULTS)]
            dropped = session.live.status()[0].dropped
            if fault == "catalogue swapped":
                row = _swap(pipeline.catalog, shown, session)
            else:
                row = _break(fault, server, sender, shown, session)
            rows.append({"fault": fault, **row, "dropped": session.live.status()[0].dropped - dropped})
            told(rows[-1])
            crashes += session.live.wait(0)
            if crashes:
                break
        published = session.live.status()[0].published[0]
    came, back = ([row[name] for row in rows if row[name] is not None] for name in ("frames_s", "back_s"))
    return {
        "rounds": rows,
        "crashes": crashes,
        "stale_cards": sum(row["stale"] for row in rows),
        "frames_s": quantiles(came) if came else {},
        "back_s": quantiles(back) if back else {},
        "never_back": sum(row["back_s"] is None for row in rows),
        "connections": published.connections,
    }


def _break(fault: str, server: RtmpServer, sender: Sender, shown: Shown, session: Session) -> dict[str, Any]:
    began, config = time.monotonic(), session.channels[0].pipeline.config.source
    {"source killed": sender.kill, "source frozen": sender.freeze, "server killed": server.kill}[fault]()
    gone = _until(lambda: shown.cleared_s > began, session)
    cleared = round(shown.cleared_s - began, 2) if gone else None
    alone, frames = shown.alone_s, shown.frames
    time.sleep(1)
    # Results that are late may still come and be shown; what is shown without any is stale.
    limit = config.hold_s + config.clear_s + _SLACK_S
    stale = not gone or alone > limit or (bool(shown.products) and shown.frames == frames)
    if fault == "source frozen":
        sender.freeze(False)
    if fault == "server killed":
        sender.kill()
        server.start()
    if fault != "source frozen":
        sender.start()
    began, before = time.monotonic(), shown.frames
    _until(lambda: shown.frames > before + 1, session)
    came = round(time.monotonic() - began, 2)
    back = round(time.monotonic() - began, 2) if _until(lambda: bool(shown.products), session) else None
    return {"cleared_s": cleared, "stale": stale, "frames_s": came, "back_s": back}


def _swap(catalog: Catalog, shown: Shown, session: Session) -> dict[str, Any]:
    """Write the catalogue anew, under other ids; the stream is to show these, and never nothing for long."""
    before = catalog.snapshot()
    facts = before.manifest
    prefix = f"generation {facts.generation + 1}: "
    with CatalogWriter(catalog.path, facts.dimension, facts.embedder, facts.bundle) as new:
        for row in range(len(before)):
            product = before.product(row)
            new.add(replace(product, id=prefix + product.id.split(": ")[-1]), before.reconstruct(row))
        new.commit()
    began = time.monotonic()
    there = _until(lambda: any(one.startswith(prefix) for one in shown.products), session)
    back = round(time.monotonic() - began, 2) if there else None
    stale = not all(one.startswith(prefix) for one in set(shown.products))
    return {"cleared_s": None, "stale": stale, "frames_s": None, "back_s": back}


def _until(holds: Callable[[], bool], session: Session) -> bool:
    end = time.monotonic() + GIVE_UP_S
    while time.monotonic() < end and not session.live.wait(0):
        if holds():
            return True
        time.sleep(0.01)
    return holds()


def live_soak(
    clip: Path, pipeline: Pipeline, folder: Path, minutes: float, told: Told = lambda row: None
) -> dict[str, Any]:
    """Read from an RTMP server, match, and publish there again, for a time.

    Returns:
        {"minutes", "frames", "dropped", "reconnects", "sent", "not_sent", "samples", "slope"}, the last two as in
        `benchmarks.long_run`.
    """
    with _streaming(clip, pipeline, folder, Shown(), publish=True) as (_, _, session):
        samples = watch(session.live, 60 * minutes, 5.0, told)
        status = session.live.status()[0]
    return {
        "minutes": minutes,
        "frames": status.frames,
        "dropped": status.dropped,
        "reconnects": status.health.reconnects,
        "sent": status.published[0].frames,
        "not_sent": status.published[0].dropped,
        "samples": samples,
        "slope": {f"{name}_per_hour": slope(samples, name) for name in ("rss_mb", "latency_ms")},
    }


class _Late(Closing):
    """Milliseconds from the time drawn into a picture to its coming, and to its result."""

    def __init__(self) -> None:
        self.ms: list[float] = []
        self.frames, self._began = 0, time.monotonic()

    def write(self, frame: Frame, garments: Garments) -> None:
        if not self.frames:
            self._began = time.monotonic()
        self.frames += 1
        if time.monotonic() - self._began > _WARM_S:
            self.ms.append((live_sender.now_ms() - read_code(frame.image)) % 2**BITS)

    def close(self, ok: bool = True) -> None:
        """Nothing is open."""


def live_latency(clip: Path, pipeline: Pipeline, folder: Path, seconds: float) -> dict[str, Any]:
    """From a picture's being given to an encoder, over an RTMP server, to its result.

    Returns:
        {"ms" (quantiles), "inside_ms" (from decoding to the result), "frames", "dropped", "detections" (a second)}.
    """
    server, late = RtmpServer(folder), _Late()
    command: Sequence[str] = [sys.executable, "-m", live_sender.__name__, str(clip), server.url("in")]
    sender = subprocess.Popen(command)
    try:
        with Session([StreamSpec(server.url("in"), "in")], pipeline, lambda channel: [late]) as session:
            _until(lambda: late.frames > 0, session)
            time.sleep(_WARM_S + seconds)
            status, inside = session.live.status()[0], session.live.latencies_ms()
            session.live.stop()
    finally:
        sender.terminate()
        sender.wait()
        server.kill()
    return {
        "ms": quantiles(late.ms) if late.ms else {},
        "inside_ms": quantiles(inside) if inside else {},
        "frames": status.frames,
        "dropped": status.dropped,
        "detections": round(status.detections, 2),
    }
