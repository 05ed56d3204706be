"""Opening files, addresses and capture devices with PyAV (FFmpeg), and saying plainly why one cannot be opened."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from matcher.errors import MediaError
from matcher.video.camera import is_camera, open_as
from matcher.video.hardware import hardware, require_decoder

SCHEMES = ("http", "https", "rtmp", "rtmps", "rtsp", "rtsps", "srt", "udp", "rtp", "tcp")
_LONG_LOOK = "10000000"  # microseconds
_RTSP = ("rtsp://", "rtsps://")
MAX_PIXELS = 100_000_000
# Playlists may name further addresses: a file must not make us call the network, nor an address read our files.
_FILE_PROTOCOLS = "file,crypto,data"
_NET_PROTOCOLS = "http,https,httpproxy,tcp,tls,udp,rtp,rtmp,rtmps,rtsp,rtsps,srt,crypto,data,hls"
# The first pictures must not wait until all is known of the streams; a playlist is begun at its newest part.
_SOON = {"analyzeduration": "1000000", "fpsprobesize": "3", "live_start_index": "-1"}
# What FFmpeg also "plays" but nobody means by a video: text as terminal art, single pictures, scripts.
_NOT_VIDEO = ("tty", "image2", "concat", "lavfi", "webvtt", "srt", "ass")
_PICTURE = "_pipe"
_FASTEST = 1000  # frames per second; above it the rate is the unit of time and says nothing
# PyAV before 19 raises on tags that are no UTF-8 unless told otherwise; later ones do not know the word.
_LENIENT = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}


def is_url(source: object) -> bool:
    """Whether the source is written as an address (scheme://...)."""
    return isinstance(source, str) and "://" in source


def check_source(source: str | Path) -> None:
    """Refuse what can never be opened: a missing file, an address of an unknown kind, a badly written camera.

    Raises:
        MediaError: it is.
    """
    if is_camera(source):
        open_as(str(source))
    elif is_url(source):
        if urlsplit(str(source)).scheme.lower() not in SCHEMES:
            allowed = ", ".join(scheme + "://" for scheme in SCHEMES)
            raise MediaError(f"{source_name(source)}: addresses start with one of {allowed}")
    elif not Path(source).is_file():
        kind = "is a folder, not a video" if Path(source).is_dir() else "no such file"
        raise MediaError(f"{source}: {kind}; give the path of a video")


def open_container(
    source: str | Path | IO[bytes], timeout_s: float, name: str, decoder: str = "cpu", live: bool = False
) -> InputContainer:
    """Open a file, an address or a camera.

    Args:
        source: a path, an address with one of `SCHEMES`, a camera as in `matcher.video.camera`, or what is read from a
            program of ours as MPEG-TS.
        timeout_s: for addresses: how long to wait for the connection, and for each read.
        name: for people.
        decoder: one of `matcher.video.hardware.DECODERS`.
        live: begin soon and near the newest picture, rather than learn all about the streams first.

    Raises:
        BackendError: that decoder is not here.
        MediaError: it cannot be opened.
    """
    if not isinstance(source, (str, Path)):
        return _open(source, source, name, decoder, {"format": "mpegts", "options": dict(_SOON)})
    check_source(source)
    file, extra = str(source), {"options": {"protocol_whitelist": _FILE_PROTOCOLS}}
    if is_camera(source):
        camera = open_as(file)
        file, extra = camera.file, {"format": camera.format, "options": dict(camera.options)}
    elif is_url(source):
        options = {"protocol_whitelist": _NET_PROTOCOLS, **(_SOON if live else {})}
        extra = {"options": options, "timeout": (timeout_s, timeout_s)}
    if live and file.startswith(_RTSP):
        # Packets that are lost over UDP leave grey pictures; servers that have nothing else refuse in many ways.
        with suppress(MediaError):
            return _open(
                source, file, name, decoder, extra | {"options": {**extra["options"], "rtsp_transport": "tcp"}}
            )
    container = _open(source, file, name, decoder, extra)
    if live and is_url(source) and not container.streams.video:
        # Servers of RTMP may send sound alone until the next key picture.
        container.close()
        longer = {**extra["options"], "analyzeduration": _LONG_LOOK}
        return _open(source, file, name, decoder, extra | {"options": longer})
    return container


def _open(
    source: str | Path | IO[bytes], file: str | IO[bytes], name: str, decoder: str, extra: dict[str, Any]
) -> InputContainer:
    extra |= _LENIENT
    try:
        return av.open(file, "r", **extra, **hardware(decoder))
    except (av.FFmpegError, OSError, ValueError, NotImplementedError) as error:
        require_decoder(decoder, file, extra, name)
        raise MediaError(f"{name}: {_why_not(source, error)}") from error


def video_stream(container: InputContainer, name: str, camera: bool = False) -> VideoStream:
    """The stream of pictures that is meant; that of a `camera` may come from anything.

    Raises:
        MediaError: there is none, or it cannot be decoded here.
    """
    kind = "" if camera else container.format.name
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


def rate_of(stream: VideoStream) -> Fraction:
    """Frames per second: the average, or the guess where it is near (a short file's average is off)."""
    known = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    rates = [Fraction(rate) for rate in known if rate and 0 < rate <= _FASTEST]
    if not rates:
        return Fraction(25)
    return next((rate for rate in rates[1:] if abs(rate - rates[0]) < rates[0] / 50), rates[0])


def _kinds(container: InputContainer) -> str:
    return ", ".join(sorted({s.type for s in container.streams if s.type != "video"})) or "nothing"


def source_name(source: str | Path) -> str:
    """What to call a source in reports, without passwords."""
    if is_camera(source):
        return str(source)
    if not is_url(source):
        return Path(source).name
    parts = urlsplit(str(source))  # the query may hold keys, the front a password: keep them out of reports
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"


def reason_of(error: Exception) -> str:
    """What FFmpeg says went wrong."""
    if isinstance(error, av.ExitError):  # the time given to PyAV was over
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error)


def _why_not(source: str | Path | IO[bytes], error: Exception) -> str:
    if not isinstance(source, (str, Path)):
        return "nothing comes from there; check the address and that it can be reached"
    if is_camera(source):
        return f"cannot be opened ({reason_of(error)}); check that it is there and no other program uses it"
    if is_url(source):
        if isinstance(error, av.PermissionError):  # what servers of RTMP say of a name that they do not know
            return "nothing is published there, or it may not be read"
        return f"cannot be opened ({reason_of(error)}); check the address and that it can be reached"
    if not isinstance(error, av.InvalidDataError):
        return f"cannot be opened ({reason_of(error)})"
    with open(source, "rb") as file:
        head = file.read(12)
    if not head:
        return "the file is empty"
    if head[4:8] == b"ftyp":
        return "the file is cut off (its index is missing); download or export it again"
    return "not a video that can be read here; give MP4, MKV, WebM or the like"
