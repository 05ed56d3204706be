"""The sound of a file beside its pictures: decoded, without holes, and in step with them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.packet import Packet
from numpy.typing import NDArray

from matcher.errors import MediaError
from matcher.video.container import open_container, source_name

CODEC = "aac"  # what players everywhere take in MP4
_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_USUAL_RATE = 48_000
_FORM = "fltp"
_JITTER_S = Fraction(1, 100)  # stamps may be so far off without being taken at their word
_MOST_BEHIND_S = 600  # a jump in time of more than this ends the sound: nobody waits for so much silence
_BAD_IN_A_ROW = 200
_log = logging.getLogger(__name__)


class Soundtrack:
    """Samples of the first sound of a file, at their times; a context manager.

    Samples before time zero are left out, holes are filled with silence, what overlaps is cut, so that a run of samples
    is all a writer needs. Damage is passed over; a sound that cannot be decoded any further ends.

    Attributes:
        rate: samples a second.
        layout: "mono" or "stereo"; more channels are mixed down to two.
    """

    def __init__(self, container: InputContainer, zero: Fraction) -> None:
        """Take a container that is open and has sound; see `open`."""
        self._container, self._zero = container, zero
        stream = container.streams.best("audio")
        context = stream.codec_context
        self.rate = context.rate if context.rate in _RATES else _USUAL_RATE
        self.layout = "mono" if context.layout.nb_channels == 1 else "stereo"
        self._resampler = self._new_resampler()
        self._chunks = self._decode(stream)
        self._next = next(self._chunks, None)
        self._at = 0  # samples given out

    @classmethod
    def open(cls, source: str | Path, zero: Fraction) -> Soundtrack | None:
        """The sound of a file; None where it has none that can be decoded here.

        Args:
            source: path of the file.
            zero: time in seconds, as the file counts it, that samples are counted from: that of the first picture.
        """
        if CODEC not in av.codecs_available:
            return None
        try:
            container = open_container(source, 10.0, source_name(source))
        except MediaError:
            return None
        best = container.streams.best("audio")
        if best is not None and best.codec_context is not None and best.codec_context.rate:
            track = cls(container, zero)
            if track._next is not None:
                return track
        container.close()
        return None

    def until(self, time: Fraction) -> Iterator[AudioFrame]:
        """The samples that were not given out yet, up to a time in seconds as the file counts it.

        Yields:
            Planar float frames of `rate` and `layout`; their stamps count samples from `zero`.
        """
        target = round((time - self._zero) * self.rate)
        if target - self._at > _MOST_BEHIND_S * self.rate:
            _log.warning("the sound ends at %d s: time jumps there", self._at / self.rate)
            self._next = None
        while self._at < target and self._next is not None:
            start, samples = self._next
            start = self._at if abs(start - self._at) <= self.rate * _JITTER_S else start
            if start > self._at:
                silent = min(start - self._at, target - self._at, self.rate)
                yield self._frame(np.zeros((len(samples), silent), np.float32))
                continue
            heard = samples[:, self._at - start :]
            fits = heard[:, : target - self._at]
            # What goes beyond the time waits for the next call.
            rest = (self._at + fits.shape[1], heard[:, fits.shape[1] :])
            self._next = rest if rest[1].shape[1] else next(self._chunks, None)
            if fits.shape[1]:
                yield self._frame(fits)

    def close(self) -> None:
        """Let go of the file."""
        self._next = None
        self._container.close()

    def _frame(self, samples: NDArray[np.float32]) -> AudioFrame:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format=_FORM, layout=self.layout)
        frame.sample_rate, frame.pts, frame.time_base = self.rate, self._at, Fraction(1, self.rate)
        self._at += samples.shape[1]
        return frame

    def _decode(self, stream: av.AudioStream) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Samples (channels, n) with the number of the first one, counted from `zero`; in the file's order."""
        after = 0
        for packet in self._packets(stream):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            for frame in frames:
                start = after if frame.time is None else round((_time_of(frame) - self._zero) * self.rate)
                for part in self._resampled(frame):
                    samples = part.to_ndarray().astype(np.float32, copy=False)
                    yield start, samples
                    start += samples.shape[1]
                after = start

    def _packets(self, stream: av.AudioStream) -> Iterator[Packet]:
        packets, bad = self._container.demux(stream), 0
        while bad < _BAD_IN_A_ROW:
            try:
                packet = next(packets, None)
            except av.EOFError:
                return
            except av.FFmpegError:
                bad, packets = bad + 1, self._container.demux(stream)  # a generator that raised is spent
                continue
            if packet is None:
                return
            bad = 0
            yield packet

    def _resampled(self, frame: AudioFrame) -> list[AudioFrame]:
        frame.pts = None  # times are ours to keep: the resampler would refuse those that jump
        try:
            return self._resampler.resample(frame)
        except (ValueError, av.FFmpegError):  # another rate or layout from here on
            self._resampler = self._new_resampler()
        try:
            return self._resampler.resample(frame)
        except (ValueError, av.FFmpegError):
            return []

    def _new_resampler(self) -> av.AudioResampler:
        return av.AudioResampler(format=_FORM, layout=self.layout, rate=self.rate)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _time_of(frame: AudioFrame) -> Fraction:
    return frame.pts * frame.time_base
