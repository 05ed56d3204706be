"""Video files and network addresses, decoded by PyAV (FFmpeg)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.packet import Packet
from av.video.frame import VideoFrame

from matcher.errors import MediaError
from matcher.types import Frame
from matcher.video.clock import Clock
from matcher.video.container import is_url, open_container, rate_of, reason_of, source_name, video_stream
from matcher.video.hardware import check_decoder
from matcher.video.picture import Turns, to_bgr

_DAMAGE = (av.InvalidDataError, av.PatchWelcomeError, av.UnknownError, av.BugError)  # reading may go on after these
_BAD_IN_A_ROW = 200


class PyAVSource:
    """Frames of a video file or address.

    Frames keep the file's own time stamps (missing or backward ones are repaired), are upright and 8-bit BGR.
    Damaged frames are skipped and counted in `corrupt`; `truncated` says after the last frame whether the file
    ended early. Iterating again starts from the beginning.

    Attributes:
        name: the file's name, or the address without its password and query.
        size: (width, height) of the first frame, upright.
        rate: frames per second, average or guessed; for display only.
        time_base: seconds per unit of the frames' stamps.
        start: exact time of the first frame, seconds.
        duration_s: length in seconds as the file states it, or None.
        frames_estimate: the number of frames that the file states, else length times rate, or None.
        start_timecode: SMPTE timecode of the first frame, from the stream, the file or its timecode track, or None.
        corrupt: damaged frames skipped so far.
        truncated: whether reading ended early: fewer frames came than the file states.
    """

    def __init__(self, source: str | Path, timeout_s: float = 10.0, decode: str = "cpu") -> None:
        """Open and decode the first frame.

        Args:
            source: path, or address with one of `SCHEMES`.
            timeout_s: for addresses: how long to wait for the connection, and for each read.
            decode: one of `matcher.video.hardware.DECODERS`.

        Raises:
            BackendError: that decoder is not here.
            MediaError: not found, no video in it, not a video, cut off, or no answer in time.
        """
        self._source, self._timeout_s, self._decoder = source, timeout_s, decode
        self.name = source_name(source)
        self.corrupt = 0
        self.truncated = False
        self._open()

    def _open(self) -> None:
        self._container = open_container(self._source, self._timeout_s, self.name, self._decoder)
        self._turns = Turns()
        self._closed = False
        try:
            self._stream = video_stream(self._container, self.name)
            check_decoder(self._stream, self._decoder, self.name)
            self._stream.thread_type = "AUTO"
            # The first frame is decoded now: only it tells the upright size, and that the file is of use at all.
            self._pictures = self._decode()
            self._first = next(self._pictures, None)
            if self._first is None:
                raise MediaError(f"{self.name}: no frame can be decoded; the file is damaged or cut off")
            self._learn()
        except BaseException:
            self.close()
            raise
        self._started = False

    def _learn(self) -> None:
        """Copy what is known: PyAV's streams must not be touched after the container is closed."""
        stream, container = self._stream, self._container
        height, width = to_bgr(self._first, self._turns).shape[:2]
        self.size: tuple[int, int] = (width, height)
        self.time_base: Fraction = stream.time_base or Fraction(1, 90_000)
        self.rate = rate_of(stream)
        self.start: Fraction = (_stamp(self._first) or 0) * self.time_base
        self.duration_s: float | None = None
        if stream.duration:
            self.duration_s = float(stream.duration * self.time_base)
        elif container.duration:
            self.duration_s = container.duration / av.time_base
        self._stated = stream.frames
        guess = round(self.duration_s * self.rate) if self.duration_s else None
        self.frames_estimate: int | None = self._stated or guess
        holders = (stream, container, *container.streams)
        # Matroska writes its tags in capitals.
        tags = ({name.lower(): text for name, text in holder.metadata.items()} for holder in holders)
        self.start_timecode: str | None = next((found["timecode"] for found in tags if "timecode" in found), None)

    def __iter__(self) -> Iterator[Frame]:
        if self._closed:
            raise MediaError(f"{self.name} is closed; open it again to read it")
        if self._started:
            self.close()
            self.corrupt, self.truncated = 0, False
            self._open()
        self._started = True
        clock = Clock(self.time_base, self.rate)
        picture, index = self._first, 0
        while picture is not None:
            pts = clock(_stamp(picture), picture.duration)
            yield Frame(to_bgr(picture, self._turns), pts, self.time_base, self.name, index)
            picture, index = next(self._pictures, None), index + 1
        self.truncated |= index + self.corrupt < self._stated * 0.98 - 1

    def _decode(self) -> Iterator[VideoFrame]:
        # A half packet at the end of a cut file would make PyAV lose the frames that the decoder still holds; in
        # transport streams, though, a damaged packet is better than none.
        skip = "mpegts" not in self._container.format.name
        for packet in self._packets():
            if skip and packet is not None and packet.is_corrupt:
                self.corrupt += 1
                continue
            try:
                frames = packet.decode() if packet is not None else self._stream.codec_context.decode(None)
            except av.FFmpegError:
                self.corrupt += 1
                continue
            for frame in frames:
                if frame.is_corrupt:
                    self.corrupt += 1
                else:
                    yield frame

    def _packets(self) -> Iterator[Packet | None]:
        """The packets of the stream; last one that makes the decoder give what it holds back, or None for it."""
        packets, bad = self._container.demux(self._stream), 0
        while not self._closed:
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                bad += 1
                if isinstance(error, _DAMAGE) and bad < _BAD_IN_A_ROW:
                    self.corrupt += 1
                    packets = self._container.demux(self._stream)  # a generator that raised is spent
                    continue
                self._lost(error)
                packet = None
            bad = 0
            yield packet
            if packet is None or (packet.size == 0 and packet.dts is None):
                return

    def _lost(self, error: av.FFmpegError) -> None:
        """Reading failed for good: the end of a cut file, or a connection that broke."""
        self.truncated = True
        if is_url(self._source) and not isinstance(error, av.EOFError):
            raise MediaError(f"{self.name}: the connection was lost ({reason_of(error)})") from error

    def close(self) -> None:
        """Let go of the file or connection; a loop that still runs over the frames ends."""
        self._closed = True
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _stamp(picture: VideoFrame) -> int | None:
    return picture.pts if picture.pts is not None else picture.dts
