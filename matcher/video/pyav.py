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
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from matcher.errors import MediaError
from matcher.types import Frame
from matcher.video.clock import Clock
from matcher.video.picture import to_bgr

SCHEMES = ("http", "https", "rtmp", "rtmps", "rtsp", "rtsps", "srt", "udp", "rtp", "tcp")
MAX_PIXELS = 100_000_000
# Playlists may name further addresses: a file must not make us call the network, nor an address read our files.
_FILE_PROTOCOLS = "file,crypto,data"
_NET_PROTOCOLS = "http,https,httpproxy,tcp,tls,udp,rtp,rtmp,rtmps,rtsp,rtsps,srt,crypto,data,hls"
# What FFmpeg also "plays" but nobody means by a video: text as terminal art, single pictures, scripts.
_NOT_VIDEO = ("tty", "image2", "concat", "lavfi", "webvtt", "srt", "ass")
_PICTURE = "_pipe"
_BAD_IN_A_ROW = 600


def is_url(source: object) -> bool:
    """Whether the source is written as an address (scheme://...)."""
    return isinstance(source, str) and "://" in source


class PyAVSource:
    """Frames of a video file or address.

    Frames keep the file's own time stamps (missing or backward ones are repaired), are upright and 8-bit BGR.
    Damaged frames are skipped and counted in `corrupt`; `truncated` says after the last frame whether the file
    ended early. Iterating again starts from the beginning.
    """

    def __init__(self, source: str | Path, timeout_s: float = 10.0) -> None:
        """Open and decode the first frame.

        Args:
            source: path, or address with one of `SCHEMES`.
            timeout_s: for addresses: how long to wait for the connection, and for each read.

        Raises:
            MediaError: not found, no video in it, not a video, cut off, or no answer in time.
        """
        self._source, self._timeout_s = source, timeout_s
        self.name = _name(source)
        self.corrupt = 0
        self.truncated = False
        self._open()

    def _open(self) -> None:
        self._container = _open_container(self._source, self._timeout_s, self.name)
        try:
            self._stream = _video_stream(self._container, self.name)
            self._stream.thread_type = "AUTO"
            self._pictures = self._decode()
            self._first = next(self._pictures, None)
            if self._first is None:
                raise MediaError(f"{self.name}: no frame can be decoded; the file is damaged or cut off")
        except BaseException:
            self.close()
            raise
        self._started = False
        image = to_bgr(self._first)
        self.size: tuple[int, int] = (image.shape[1], image.shape[0])

    @property
    def time_base(self) -> Fraction:
        """Seconds per unit of the frames' stamps."""
        return self._stream.time_base or Fraction(1, 90_000)

    @property
    def rate(self) -> Fraction:
        """Frames per second, average or guessed; for display only."""
        for rate in (self._stream.average_rate, self._stream.guessed_rate, self._stream.base_rate):
            if rate and 0 < rate <= 1000:
                return Fraction(rate)
        return Fraction(25)

    @property
    def duration_s(self) -> float | None:
        """Length in seconds as the file states it."""
        if self._stream.duration:
            return float(self._stream.duration * self.time_base)
        return self._container.duration / av.time_base if self._container.duration else None

    @property
    def frames_estimate(self) -> int | None:
        """The number of frames that the file states, else length times rate."""
        length = self.duration_s
        return self._stream.frames or (round(length * self.rate) if length else None)

    @property
    def start_timecode(self) -> str | None:
        """SMPTE timecode of the first frame, from the stream, the file or its timecode track."""
        holders = (self._stream, self._container, *self._container.streams)
        return next((h.metadata["timecode"] for h in holders if "timecode" in h.metadata), None)

    def __iter__(self) -> Iterator[Frame]:
        if self._started:
            self.close()
            self.corrupt = 0
            self._open()
        self._started = True
        clock = Clock(self.time_base, self.rate)
        picture, index = self._first, 0
        while picture is not None:
            pts = clock(picture.pts if picture.pts is not None else picture.dts, picture.duration)
            yield Frame(to_bgr(picture), pts, self.time_base, self.name, index)
            picture, index = next(self._pictures, None), index + 1
        stated = self._stream.frames
        self.truncated |= index + self.corrupt < stated * 0.98 - 1

    def _decode(self) -> Iterator[VideoFrame]:
        packets = self._container.demux(self._stream)
        bad = 0
        while bad < _BAD_IN_A_ROW:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                frames = packet.decode()
            except av.EOFError:
                return
            except av.FFmpegError as error:
                bad += 1
                if not _goes_on(error):
                    self._cut(error)
                    return
                self.corrupt += 1
                continue
            for frame in frames:
                bad = 0
                if frame.is_corrupt:
                    self.corrupt += 1
                else:
                    yield frame

    def _cut(self, error: av.FFmpegError) -> None:
        """A read failed for good: the end of a cut file, an error of a live stream."""
        self.truncated = True
        if is_url(self._source):
            raise MediaError(f"{self.name}: the connection was lost ({_reason(error)})") from error

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open_container(source: str | Path, timeout_s: float, name: str) -> InputContainer:
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
    try:
        return av.open(str(source), "r", options=options, metadata_errors="replace", **extra)
    except (av.FFmpegError, OSError, ValueError) as error:
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


def _kinds(container: InputContainer) -> str:
    return ", ".join(sorted({s.type for s in container.streams if s.type != "video"})) or "nothing"


def _name(source: str | Path) -> str:
    if not is_url(source):
        return Path(source).name
    parts = urlsplit(str(source))  # the query may hold keys, the front a password: keep them out of reports
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"


def _goes_on(error: av.FFmpegError) -> bool:
    """Whether more packets can follow this error: damaged data yes, a dead connection no."""
    return isinstance(error, (av.InvalidDataError, av.PatchWelcomeError, av.UnknownError, av.BugError))


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
