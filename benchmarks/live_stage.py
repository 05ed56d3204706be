"""A clip that is sent to an RTMP server, matched from there, and published there again; and what a viewer is shown."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.live_servers import RtmpServer, Sender, sending
from matcher.live.session import Session
from matcher.live.spec import StreamSpec
from matcher.pipeline import Pipeline
from matcher.sinks.base import Closing, Sink
from matcher.types import NONE, Frame, Garments
from matcher.video.health import CLEARED, Health
from matcher.web.live.message import key_of


class Shown(Closing):
    """What results say.

    Attributes:
        products: the ids of the newest one's products; none while the source is lost.
        frames: how many there were.
        seen: when a result named a product last, by the id that its card has; seconds of the steady clock.
    """

    def __init__(self) -> None:
        """Nothing has come yet."""
        self.products: set[str] = set()
        self.frames = 0
        self.seen: dict[str, float] = {}

    def write(self, frame: Frame, garments: Garments) -> None:
        """Take a result."""
        settled = [one.product for one in garments if garments.has("tier") and one.tier[0] > NONE]
        self.products = {product.id for product in settled if product is not None}
        self.frames += 1
        self.seen = {**self.seen, **dict.fromkeys(map(key_of, self.products), time.monotonic())}

    def health(self, health: Health) -> None:
        """Take how the source does."""
        if health.state in CLEARED:
            self.products = set()

    def close(self, ok: bool = True) -> None:
        """Nothing is open."""


@contextmanager
def streaming(
    clip: Path, pipeline: Pipeline, folder: Path, sinks: Sequence[Sink]
) -> Iterator[tuple[RtmpServer, Sender, Session]]:
    """Everything of one stream, until the block is left.

    Args:
        clip: H.264 with a key picture at least every second.
        pipeline: not yet used.
        folder: for what the server writes.
        sinks: take the results, beside publishing.
    """
    server = RtmpServer(folder)
    with ExitStack() as stack:
        stack.callback(server.kill)
        sender = stack.enter_context(sending(clip, server.url("in")))
        spec = StreamSpec(server.url("in"), "in", publish=server.url("out"))
        session = stack.enter_context(Session([spec], pipeline, lambda channel: sinks))
        stack.callback(session.live.stop)
        yield server, sender, session
