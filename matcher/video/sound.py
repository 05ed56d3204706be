"""The sound of a live source, as it came: packets for those who send the picture on."""

from __future__ import annotations

import io
import threading
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
from av.audio.stream import AudioStream
from av.packet import Packet

KEPT = 1000  # packets for each listener, about 20 seconds; then the oldest is dropped


class SoundFormat:
    """What a receiver must know of coded sound before the first packet; outlives the container that it came from.

    Attributes:
        stream: a template for `add_stream_from_template`.
        facts: codec, rate, layout and header: formats with the same facts are one.
    """

    def __init__(self, stream: AudioStream) -> None:
        """Copy from an open stream.

        Raises:
            ValueError: FFmpeg cannot carry this codec.
        """
        context = stream.codec_context
        self.facts = (context.name, context.rate, context.layout.name, bytes(context.extradata or b""))
        # Streams of a closed container must not be touched: a container that is never written holds the copy.
        self._holder = av.open(io.BytesIO(), "w", format="nut")
        self.stream = self._holder.add_stream_from_template(stream)


@dataclass(frozen=True)
class SoundPacket:
    """Coded sound: the bytes and their times, seconds on the source's `Timeline`."""

    format: SoundFormat
    data: bytes
    start: Fraction
    lasts: Fraction

    def packet(self, unit: Fraction) -> Any:
        """For muxing: stamps in units of `unit` seconds."""
        packet = Packet(self.data)
        packet.pts = packet.dts = round(self.start / unit)
        packet.duration, packet.time_base = round(self.lasts / unit), unit
        return packet


class Sound:
    """Hands the packets of one source to all who listen; never waits for them.

    Attributes:
        format: of the newest connection; None while it is not known, or where there is no sound.
    """

    def __init__(self) -> None:
        """Nobody listens yet."""
        self._listeners: list[deque[SoundPacket]] = []
        self._lock = threading.Lock()
        self.format: SoundFormat | None = None

    def listen(self) -> deque[SoundPacket]:
        """A queue that packets are put in from now on, oldest first; take them with `popleft`."""
        heard: deque[SoundPacket] = deque(maxlen=KEPT)
        with self._lock:
            self._listeners.append(heard)
        return heard

    def begin(self, stream: AudioStream | None) -> None:
        """A connection begins, with this sound or none."""
        try:
            new = SoundFormat(stream) if stream is not None else None
        except (ValueError, av.FFmpegError):  # a codec that nothing else could take either
            new = None
        old = self.format
        self.format = old if old is not None and new is not None and old.facts == new.facts else new

    def put(self, packet: Packet, shift: Fraction) -> None:
        """Take a packet of the connection."""
        if self.format is None or packet.pts is None or not packet.size:
            return
        start, lasts = packet.pts * packet.time_base + shift, (packet.duration or 0) * packet.time_base
        with self._lock:
            listeners = list(self._listeners)
        if listeners:
            one = SoundPacket(self.format, bytes(packet), start, lasts)
            for heard in listeners:
                heard.append(one)
