"""Video files and network addresses, decoded by PyAV (FFmpeg)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from matcher.errors import MediaError
from matcher.types import Frame
from matcher.video.clock import Clock
from matcher.video.hardware import check_decoder, hardware, require_decoder
from matcher.video.picture import Turns, to_bgr

SCHEMES = ("http", "https", "rtmp", "rtmps", "rtsp", "rtsps", "srt", "udp", "rtp", "tcp")
MAX_PIXELS = 100_000_000
# Playlists may name further addresses: a file must not make us call the network, nor an address read our files.
_FILE_PROTOCOLS = "file,crypto,data"
_NET_PROTOCOLS = "http,https,httpproxy,tcp,tls,udp,rtp,rtmp,rtmps,rtsp,rtsps,srt,crypto,data,hls"
# What FFmpeg also "plays" but nobody means by a video: text as terminal art, single pictures, scripts.
_NOT_VIDEO = ("tty", "image2", "concat", "lavfi", "webvtt", "srt", "ass")
_PICTURE = "_pipe"
_DAMAGE = (av.InvalidDataError, av.PatchWelcomeError, av.UnknownError, av.BugError)  # reading may go on after these
_BAD_IN_A_ROW = 200
_FASTEST = 1000  # frames per second; above it the rate is the unit of time and says nothing
# PyAV before 19 raises on tags that are no UTF-8 unless told otherwise; later ones do not know the word.
_LENIENT = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}


def is_url(source: object) -> bool:
    """Whether the source is written as an address (scheme://...)."""
    return isinstance(source, str) and "://" in source


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
        self.name = _name(source)
        self.corrupt = 0
        self.truncated = False
        self._open()

    def _open(self) -> None:
        self._container = _open_container(self._source, self._timeout_s, self.name, self._decoder)
        self._turns = Turns()
        self._closed = False
        try:
            self._stream = _video_stream(self._container, self.name)
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
        self.rate = _rate(stream)
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
        self.start_timecode: str | None = next(
            (h.metadata["timecode"] for h in holders if "timecode" in h.metadata), None
        )

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
            raise MediaError(f"{self.name}: the connection was lost ({_reason(error)})") from error

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


def _open_container(source: str | Path, timeout_s: float, name: str, decoder: str) -> InputContainer:
    options: dict[str, str] = {"protocol_whitelist": _FILE_PROTOCOLS}
    extra: dict[str, Any] = {}
    if is_url(source):
        scheme = urlsplit(str(source)).scheme.lower()
        if scheme not in SCHEMES:
            raise MediaError(f"{name}: addresses start with one of {', '.join(s + '://' for s in SCHEMES)}")
        options = {"protocol_whitelist": _NET_PROTOCOLS}
        extra["timeout"] = (timeout_s, timeout_s)
    elif not Path(source).is_file():
        kind = "is a folder, not a video" if Path(source).is_dir() else "no such file"
        raise MediaError(f"{source}: {kind}; give the path of a video")
    extra |= {"options": options, **_LENIENT}
    try:
        return av.open(str(source), "r", **extra, **hardware(decoder))
    except (av.FFmpegError, OSError, ValueError, NotImplementedError) as error:
        require_decoder(decoder, str(source), extra, name)
        raise MediaError(f"{name}: {_why_not(source, error)}") from error


def _video_stream(container: InputContainer, name: str) -> VideoStream:
    kind = container.format.name
    if kind.endswith(_PICTURE) or kind in _NOT_VIDEO:
        what = "a picture" if kind.endswith(_PICTURE) or kind == "image2" else "not a video"
        raise MediaError(f"{name} is {what}; give a video such as MP4, MKV or WebM")
    real = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not real:
        raise MediaError(f"{name} has no video stream (only {_kinds(container)})")
    best = container.streams.best("video")
    stream = best if best in real else real[0]
    if stream.codec_context is None:
        raise MediaError(f"{name}: its video codec cannot be decoded here")
    if stream.codec_context.width * stream.codec_context.height > MAX_PIXELS:
        raise MediaError(f"{name}: frames of {stream.codec_context.width}x{stream.codec_context.height} are too large")
    return stream


def _stamp(picture: VideoFrame) -> int | None:
    return picture.pts if picture.pts is not None else picture.dts


def _rate(stream: VideoStream) -> Fraction:
    """Frames per second: the average, or the guess where it is near (a short file's average is off)."""
    known = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    rates = [Fraction(rate) for rate in known if rate and 0 < rate <= _FASTEST]
    if not rates:
        return Fraction(25)
    return next((rate for rate in rates[1:] if abs(rate - rates[0]) < rates[0] / 50), rates[0])


def _kinds(container: InputContainer) -> str:
    return ", ".join(sorted({s.type for s in container.streams if s.type != "video"})) or "nothing"


def _name(source: str | Path) -> str:
    if not is_url(source):
        return Path(source).name
    parts = urlsplit(str(source))  # the query may hold keys, the front a password: keep them out of reports
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _why_not(source: str | Path, error: Exception) -> str:
    if is_url(source):
        return f"cannot be opened ({_reason(error)}); check the address and that it can be reached"
    if not isinstance(error, av.InvalidDataError):
        return f"cannot be opened ({_reason(error)})"
    with open(source, "rb") as file:
        head = file.read(12)
    if not head:
        return "the file is empty"
    if head[4:8] == b"ftyp":
        return "the file is cut off (its index is missing); download or export it again"
    return "not a video that can be read here; give MP4, MKV, WebM or the like"
