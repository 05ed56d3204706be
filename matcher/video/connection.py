"""One opening of a live source: a thread that reads, one that decodes, and nobody who must wait for either."""

from __future__ import annotations

import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from time import monotonic

import av
from av.container import InputContainer
from av.packet import Packet

from matcher.errors import MatcherError, MediaError
from matcher.types import Frame
from matcher.video import bridge
from matcher.video.backlog import Backlog, Waiting
from matcher.video.camera import is_camera
from matcher.video.clock import Clock
from matcher.video.container import is_url, open_container, rate_of, reason_of, source_name, video_stream
from matcher.video.hardware import check_decoder
from matcher.video.picture import Turns, to_bgr
from matcher.video.sound import Sound
from matcher.video.timeline import Timeline

READY = 3  # decoded frames that may wait to be taken; then the oldest is dropped
SHOWN = 6  # of so many decoded frames one is shown while the decoder is behind
SLIPPED_S = 0.5  # what is played at its own speed goes on from now where it is later than this
FELL_BACK_S = 5.0  # a playlist that was late so long altogether is opened anew, at its newest part
_LARGE = 1920 * 1088  # pictures above it are decoded by several threads, which costs a picture's time each
_PLAYLISTS = ("hls", "dash")


class Connection:
    """Opens a source and reads it until it ends, fails, or is given up.

    All of it happens in two threads of its own: what hangs in a driver or in the network is left behind by `give_up`,
    and closes the source itself when it comes back. Files and playlists, whose packets can be had faster than they are
    to be shown, are read at their own speed.

    Attributes:
        frames: decoded and not yet taken, the newest `READY`.
        ended: whether no more will come.
        reason: why it ended; empty at the end of a file.
        finite: whether it is a recording, which ends.
        rate: frames per second that the source states; 0 before it is open.
        packet_s: when the last packet of the picture came, on the steady clock; 0 before the first.
        dropped: frames or packets left out because decoding or taking them was too slow.
        corrupt: damaged frames.
    """

    def __init__(
        self,
        source: str | Path,
        timeline: Timeline,
        sound: Sound,
        wake: Callable[[], None],
        decode: str = "cpu",
        timeout_s: float = 10.0,
        loop: bool = False,
    ) -> None:
        """Begin.

        Args:
            source: as `open_container` takes it.
            timeline: gives the packets their times.
            sound: gets the packets of the sound.
            wake: called when there is something to take, or the end has come.
            decode: one of `matcher.video.hardware.DECODERS`.
            timeout_s: how long to wait for an address, and for each read.
            loop: begin a recording again at its end.
        """
        self._source, self._timeline, self._sound, self._wake = source, timeline, sound, wake
        self._decoder, self._timeout_s, self._loop = decode, timeout_s, loop
        self.name = source_name(source)
        self.frames: deque[Frame] = deque(maxlen=READY)
        self.ended = self.finite = False
        self.reason, self.rate, self.packet_s = "", Fraction(0), 0.0
        self.corrupt = self._dropped = self._index = 0
        self._helper: subprocess.Popen[bytes] | None = None
        self._stop, self._backlog, self._pace = threading.Event(), Backlog(), _Pace()
        self._threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for work, name in ((self._read, "asworn-live-read"), (self._decode, "asworn-live-unpack"))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def dropped(self) -> int:
        """As above."""
        return self._dropped + self._backlog.dropped

    @property
    def alive(self) -> bool:
        """Whether a thread of it is still at work, or hangs."""
        return any(thread.is_alive() for thread in self._threads)

    def give_up(self, wait_s: float = 0.0) -> None:
        """Read no more; wait so long at most for the threads to see it."""
        self._stop.set()
        if self._helper is not None:
            self._helper.kill()
        self._backlog.close()
        end = monotonic() + wait_s
        for thread in self._threads:
            thread.join(max(end - monotonic(), 0))

    def _read(self) -> None:
        try:
            while not self._stop.is_set():
                self._play()
                if not (self._loop and self.finite):
                    break
                self._timeline.join(gap=False)
        except MatcherError as error:
            self.reason = str(error)
        except (av.FFmpegError, OSError, ValueError) as error:
            self.reason = f"{self.name}: the connection was lost ({reason_of(error)})"
        if not self.finite:
            self.reason = self.reason or f"{self.name}: the stream was ended by the other side"
            self._end()
        self._backlog.put(Waiting(None, None))  # the decoder says when the last frame of a recording is through

    def _play(self) -> None:
        """Open, and read to the end."""
        source = str(self._source)
        with ExitStack() as stack:
            if is_url(source) and bridge.needed(source):
                self._helper = stack.enter_context(bridge.reading(source))
                stack.callback(self._helper.kill)
                source = self._helper.stdout
            container = open_container(source, self._timeout_s, self.name, self._decoder, live=True)
            stack.callback(container.close)
            self._read_all(container)

    def _read_all(self, container: InputContainer) -> None:
        stream = video_stream(container, self.name, is_camera(self._source))
        check_decoder(stream, self._decoder, self.name)
        context = stream.codec_context
        # Decoding several frames at the same time would hold each back by the time of the others.
        context.thread_type = "AUTO" if context.width * context.height > _LARGE else "SLICE"
        audio = next(iter(container.streams.audio), None)
        self.rate, unit = rate_of(stream), stream.time_base or Fraction(1, 90_000)
        self.finite = bool(container.duration or stream.duration) and not is_camera(self._source)
        self._pace.begin(self.finite or container.format.name.startswith(_PLAYLISTS), self.finite)
        self._sound.begin(audio if audio is not None and audio.codec_context is not None else None)
        shift = 0
        for packet in self._packets(container, [stream] if audio is None else [stream, audio]):
            shift_s = self._shift(packet)
            if packet.stream is not stream:
                self._sound.put(packet, shift_s)
                continue
            self.packet_s = monotonic()
            shift, stamp_s = round(shift_s / unit), float((packet.dts or 0) * unit + shift_s)
            self._backlog.put(Waiting(context, packet, unit, shift, packet.is_keyframe, stamp_s))
        self._backlog.put(Waiting(context, None, unit, shift))

    def _packets(self, container: InputContainer, streams: list) -> Iterator[Packet]:
        """Those with something in them, each when it is due."""
        for packet in container.demux(streams):
            if self._stop.is_set():
                return
            if packet.size and (packet.dts is None or self._pace.wait(packet, self._stop)):
                yield packet

    def _shift(self, packet: Packet) -> Fraction:
        kind = "video" if packet.stream.type == "video" else "audio"
        stamp = packet.dts if packet.dts is not None else packet.pts
        if stamp is None:
            return Fraction(0)
        unit = packet.time_base
        return self._timeline.shift(kind, stamp * unit, (packet.duration or 0) * unit)

    def _decode(self) -> None:
        # A recording that begins again turns as before: each `Turns` costs a picture that long stays in memory.
        clock, turns, decoder, shown = None, Turns(), None, 0
        while (one := self._backlog.take()) is not None:
            if one.decoder is None:
                break
            if one.decoder is not decoder:
                decoder, clock = one.decoder, None
            if one.fresh:
                decoder.flush_buffers()
            for picture in self._pictures(one):
                shown += 1
                clock = clock or Clock(one.unit, self.rate or Fraction(25))
                stamp = picture.pts if picture.pts is not None else picture.dts
                pts = clock(None if stamp is None else stamp + one.shift, picture.duration)
                if one.behind and shown % SHOWN:
                    self._dropped += 1
                    continue
                self._give(Frame(to_bgr(picture, turns), pts, one.unit, self.name, self._index))
        self._end()

    def _pictures(self, one: Waiting) -> Iterator:
        try:
            pictures = one.decoder.decode(one.packet)
        except av.FFmpegError:
            self.corrupt += 1
            return
        for picture in pictures:
            if picture.is_corrupt:
                self.corrupt += 1
            else:
                yield picture

    def _give(self, frame: Frame) -> None:
        self._index += 1
        self._dropped += len(self.frames) == READY
        self.frames.append(frame)
        self._wake()

    def _end(self) -> None:
        self.ended = True
        self._wake()


class _Pace:
    """When packets are due that come faster than they are to be shown."""

    def __init__(self) -> None:
        self._paced = self._finite = False
        self._began: float | None = None
        self._late_s = 0.0

    def begin(self, paced: bool, finite: bool) -> None:
        """Read a source from its beginning; one that is not paced is never waited for."""
        self._paced, self._finite, self._first = paced, finite, None

    def wait(self, packet: Packet, stop: threading.Event) -> bool:
        """Wait until a packet is due; whether it is still wanted then.

        Raises:
            MediaError: a playlist fell too far behind.
        """
        if not self._paced:
            return True
        stamp, now = float(packet.dts * packet.time_base), monotonic()
        if self._first is None:
            self._first, self._began = stamp, now
        due = self._began + stamp - self._first
        jumped = due - now > FELL_BACK_S and not self._finite
        if now - due > SLIPPED_S or jumped:  # it was read too slowly, or it has another clock now
            self._late_s += max(now - due, 0)
            self._began += now - due
            if not self._finite and self._late_s > FELL_BACK_S:
                raise MediaError("the playlist was read too slowly; opened again at its newest part")
            return not stop.is_set()
        return not stop.wait(max(due - now, 0))
