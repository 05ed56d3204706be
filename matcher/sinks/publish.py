"""Sends the picture with what was found drawn in, and the source's sound, to where viewers are."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from matcher.errors import MediaError
from matcher.sinks.base import Closing, Products
from matcher.sinks.draw import draw
from matcher.types import Frame, Garments
from matcher.video.forward import form_of
from matcher.video.health import CLEARED, Health
from matcher.video.outgoing import Outgoing
from matcher.video.retry import Retry
from matcher.video.sound import Sound

WAITING = 16  # results that may wait to be encoded; then the oldest is dropped
STILL_S = 1.0  # between two pictures while the source gives none, so that servers keep the connection
_RETRY_S = (0.25, 2.0)
_END_S = 5.0


@dataclass(frozen=True)
class Published:
    """How a target does.

    Attributes:
        name: of the target, without its key.
        connected: whether it takes pictures.
        reason: why it does not; empty while it does.
        frames: pictures sent.
        dropped: pictures that were not, because the target or the encoder was too slow, or not there.
        connections: how many there were.
    """

    name: str
    connected: bool
    reason: str
    frames: int
    dropped: int
    connections: int


class PublishSink(Closing):
    """Draws, encodes and sends results in a thread of its own; `write` never waits.

    Boxes are drawn into the very picture that they were found in, so the picture goes out when its result is there, and
    the sound of that moment with it. A connection that breaks is made again; pictures meanwhile are dropped. While the
    source is lost or paused nothing is drawn any longer, and its last picture is sent again every second.
    """

    def __init__(
        self, target: str, rate: Fraction, sound: Sound | None = None, products: Products | None = None
    ) -> None:
        """Name the target; it is connected with the first result.

        Args:
            target: rtmp://, srt://, ... or a file that ends in .mkv, .mp4, .flv or .ts.
            rate: about how many pictures a second.
            sound: of the source.
            products: gives the listing of a catalogue row; by default the one attached to the garments.

        Raises:
            InputError: nothing can be sent there.
        """
        form_of(target)
        self._target, self._rate, self._products = target, rate, products
        self._is_file = "://" not in target
        self._sound, self._heard = sound, sound.listen() if sound is not None else deque()
        self._waiting: deque[tuple[Frame, Garments]] = deque()
        self._changed = threading.Condition()
        self._closing = self._cleared = False
        self._out: Outgoing | None = None
        self._format = self._last = None
        self._retry, self._open_at, self._reason = Retry(*_RETRY_S), 0.0, "no picture has come yet"
        self._frames = self._dropped = self._connections = 0
        self._thread = threading.Thread(target=self._work, name="asworn-publish", daemon=True)
        self._thread.start()

    def write(self, frame: Frame, garments: Garments) -> None:
        """Take one result."""
        with self._changed:
            if len(self._waiting) >= WAITING:
                self._waiting.popleft()
                self._dropped += 1
            self._waiting.append((frame, garments))
            self._changed.notify()

    def health(self, health: Health) -> None:
        """Take how the source does: with a lost one, what was drawn must go."""
        with self._changed:
            self._cleared = health.state in CLEARED
            self._changed.notify()

    def status(self) -> Published:
        """How the target does now."""
        out = self._out
        connected = out is not None and out.connected
        reason = "" if connected else self._reason
        return Published(name_of(self._target), connected, reason, self._frames, self._dropped, self._connections)

    def close(self, ok: bool = True) -> None:
        """Send what waits, if that can be done soon, and end the connection; `ok` or not, what was sent was sent."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(_END_S)

    def _work(self) -> None:
        while (result := self._next()) is not None:
            frame, garments = result
            try:
                self._send(frame, draw(frame.image, garments, self._products) if len(garments) else frame.image)
            except MediaError as error:
                self._fail(str(error))
        if self._out is not None:
            self._out.close()

    def _next(self) -> tuple[Frame, Garments] | None:
        """The next result; the last picture without one when nothing has come for a while; None at the end."""
        with self._changed:
            clear = self._cleared
            self._changed.wait_for(lambda: self._waiting or self._closing or self._cleared != clear, STILL_S)
            if self._waiting:
                frame, garments = self._waiting.popleft()
                self._last = frame, monotonic()
                return frame, garments
            if self._closing:
                return None
        return self._still()

    def _still(self) -> tuple[Frame, Garments] | None:
        """The last picture at the present time, with nothing drawn in; waits for one where there is none."""
        if self._last is None:
            return self._next()
        frame, when = self._last
        passed = Fraction(monotonic() - when).limit_denominator(1000)
        pts = frame.pts + max(round(passed / frame.time_base), 1)
        return Frame(frame.image, pts, frame.time_base, frame.source, frame.index), Garments.empty()

    def _send(self, frame: Frame, image: NDArray[np.uint8]) -> None:
        if not self._ready(frame):
            self._dropped += 1
            return
        while self._heard and self._heard[0].start <= frame.timestamp:
            self._out.sound(self._heard.popleft(), self._zero)
        self._frames += self._out.picture(image, frame.timestamp - self._zero)
        if self._out.connected and not self._counted:
            self._retry.worked()
            self._connections, self._counted = self._connections + 1, True

    def _ready(self, frame: Frame) -> bool:
        """Have a connection, for the sound that there is now."""
        sound = self._sound.format if self._sound is not None else None
        if self._out is not None and sound is not self._format and not self._is_file:
            self._hang_up()
        if self._out is None:
            if monotonic() < self._open_at:
                return False
            self._connect(frame, sound)
        return True

    def _connect(self, frame: Frame, sound: object) -> None:
        self._reason = "connecting"
        self._out = Outgoing(self._target, frame.size, self._rate, sound)
        self._format, self._zero, self._counted = sound, frame.timestamp, False
        while self._heard and self._heard[0].start < self._zero:
            self._heard.popleft()

    def _hang_up(self) -> None:
        out, self._out = self._out, None
        if out is not None:
            out.close()

    def _fail(self, reason: str) -> None:
        self._hang_up()
        self._dropped += 1
        # A file that could not be written must not be begun anew: what is in it would be lost.
        self._open_at = float("inf") if self._is_file else monotonic() + self._retry.next()
        self._reason = reason


def name_of(target: str) -> str:
    """What to call a target: an address holds the key that lets one publish."""
    if "://" not in target:
        return Path(target).name
    parts = urlsplit(target)
    return f"{parts.scheme}://{parts.hostname or ''}"
