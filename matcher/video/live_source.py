"""A live source that is never given up: it is opened again and again, and says meanwhile how it does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from time import monotonic

from matcher.config import SourceConfig
from matcher.types import Frame
from matcher.video.camera import is_camera
from matcher.video.connection import Connection
from matcher.video.container import check_source, is_url, source_name
from matcher.video.health import Health, Notice, State
from matcher.video.open import open_video
from matcher.video.patience import Patience
from matcher.video.sound import Sound
from matcher.video.timeline import Timeline

USUAL = ((1280, 720), Fraction(30))  # of a source that is not open yet
_LEAVE_S = 1.0  # at the end, for threads that are still at work
_HANGING = 8  # connections whose threads do not come back; then no more are opened until one does


class LiveSource:
    """Frames of a camera, an address, or a file at its own speed, with a `Notice` where it does otherwise.

    Iterate over it once, from one thread; `stop` ends that from any other. A recording ends at its end. Everything else
    is opened again when it ends, fails or falls silent: after a moment without a frame it is held, after some more it
    is lost, and what was seen before is void. Times go on over all that, and strictly grow. Frames never wait here:
    where nobody takes them, or there is no time to decode them, they are dropped.

    Attributes:
        name: the file's name, or the address without its password and query.
        size: (width, height) of the first frame; a usual one for what is not open yet.
        rate: frames per second; 30 for what is not open yet.
        sound: packets of its sound.
        health: how it does now.
    """

    def __init__(
        self, source: str | Path, config: SourceConfig | None = None, loop: bool = False, decode: str = "cpu"
    ) -> None:
        """Name the source; it is opened when the iteration begins.

        Args:
            source: a path, an address, or a camera as `camera:0`.
            config: how long to wait for what.
            loop: begin a recording again at its end, for ever.
            decode: one of `matcher.video.hardware.DECODERS`.

        Raises:
            MediaError: it can never be opened: no such file, no video, no such kind of address.
            BackendError: that decoder is not here.
        """
        check_source(source)
        self._source, self._loop, self._decode = source, loop, decode
        self._config = config or SourceConfig()
        self.name, (self.size, self.rate) = source_name(source), USUAL
        if not is_url(source) and not is_camera(source):
            with open_video(source, decode=decode) as video:
                self.size, self.rate = video.size, video.rate
        self.sound, self.health = Sound(), Health(State.CONNECTING)
        self._timeline = Timeline()
        self._changed, self._stopped = threading.Condition(), False
        self._connection: Connection | None = None
        self._left: list[Connection] = []
        self._counted = {"dropped": 0, "corrupt": 0}
        self._unit: Fraction | None = None
        self._last, self._index = -1, 0

    def stop(self) -> None:
        """End the iteration."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    @property
    def dropped(self) -> int:
        """Frames and packets that were left out here."""
        return self._count("dropped")

    @property
    def corrupt(self) -> int:
        """Damaged frames so far."""
        return self._count("corrupt")

    def __iter__(self) -> Iterator[Frame | Notice]:
        watch = Patience(self._config)
        yield Notice(self.health)
        try:
            while not self._stopped:
                yield from self._round(watch)
                if self._connection is not None and self._over(self._connection):
                    return
        finally:
            self._leave_all()

    def _round(self, watch: Patience) -> Iterator[Frame | Notice]:
        """What comes next, or what its not coming means."""
        if self._connection is None and watch.may_open() and self._may_hang():
            self._open()
            watch.opened()
        frame = self._take(watch.patience_s())
        if frame is not None:
            reconnects = self.health.reconnects + watch.came_back
            if watch.shown(self.rate) != self.health.state:
                yield self._notice(State.LIVE, "", reconnects)
            yield frame
            return
        if (reason := self._broken(watch)) is not None:
            self._leave()
            watch.failed()
            yield self._notice(self.health.state, reason)
        if (state := watch.without(self.health.state)) != self.health.state:
            yield self._notice(state, self.health.reason or f"{self.name}: no picture comes")

    def _open(self) -> None:
        if self._last >= 0:
            self._timeline.join()
        config = self._config
        self._connection = Connection(
            self._source, self._timeline, self.sound, self._wake, self._decode, config.timeout_s, self._loop
        )

    def _take(self, patience_s: float) -> Frame | None:
        """The next frame, on our own time; None when something else is to be looked after."""
        with self._changed:
            self._changed.wait_for(self._something, patience_s)
            connection = self._connection
            if self._stopped or connection is None or not connection.frames:
                return None
            frame = connection.frames.popleft()
        self.rate = connection.rate or self.rate
        return self._stamped(frame)

    def _something(self) -> bool:
        connection = self._connection
        return self._stopped or (connection is not None and bool(connection.frames or connection.ended))

    def _stamped(self, frame: Frame) -> Frame:
        """All connections in the unit of the first one, each frame after the one before."""
        self._unit = self._unit or frame.time_base
        pts = frame.pts if frame.time_base == self._unit else round(frame.timestamp / self._unit)
        pts, index = max(pts, self._last + 1) if self._index else pts, self._index
        self._last, self._index = pts, self._index + 1
        self.size = frame.size
        return replace(frame, pts=pts, time_base=self._unit, index=index)

    def _broken(self, watch: Patience) -> str | None:
        """Why the connection is of no use any more; None where it is or there is none."""
        connection = self._connection
        if connection is None or self._stopped or connection.frames or self._over(connection):
            return None
        if connection.ended:
            return connection.reason or f"{self.name}: it ended"
        if watch.silent(connection.packet_s):
            return f"{self.name}: no picture for {self._config.silence_s:g} s"
        return None

    def _over(self, connection: Connection) -> bool:
        """Whether a recording has come to its end."""
        return connection.ended and connection.finite and not connection.reason and not connection.frames

    def _leave(self) -> None:
        """Have no connection; one that hangs is remembered."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.give_up()
            self._left.append(connection)
            for name in self._counted:
                self._counted[name] += getattr(connection, name)

    def _leave_all(self) -> None:
        self._leave()
        end = monotonic() + _LEAVE_S
        for one in self._left:
            one.give_up(max(end - monotonic(), 0))

    def _may_hang(self) -> bool:
        self._left = [one for one in self._left if one.alive]
        return len(self._left) < _HANGING

    def _count(self, name: str) -> int:
        connection = self._connection
        return self._counted[name] + (getattr(connection, name) if connection is not None else 0)

    def _notice(self, state: State, reason: str, reconnects: int | None = None) -> Notice:
        self.health = Health(state, reason, self.health.reconnects if reconnects is None else reconnects)
        return Notice(self.health, float(self.rate) if state == State.LIVE else 0.0)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
