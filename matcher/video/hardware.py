"""Decoders of the machine in place of FFmpeg's own: NVDEC, where PyAV was built with it."""

from __future__ import annotations

from typing import Any

import av
from av.video.stream import VideoStream

from matcher.errors import BackendError, MediaError

DECODERS = ("cpu", "cuda")
_OTHERWISE = "leave out --decode to decode on the CPU"


def hardware(decoder: str) -> dict[str, Any]:
    """What `av.open` takes for a decoder; nothing for the CPU's. It never falls back to the CPU.

    Raises:
        BackendError: there is no such decoder, or this machine cannot start it.
    """
    if decoder not in DECODERS:
        raise BackendError(f"unknown decoder {decoder!r}; choose one of {', '.join(DECODERS)}")
    if decoder == "cpu":
        return {}
    try:
        from av.codec.hwaccel import HWAccel, hwdevices_available
    except ImportError as error:
        raise BackendError(f"this PyAV has no hardware decoding: pip install -U av; or {_OTHERWISE}") from error
    if decoder not in hwdevices_available():
        raise BackendError(f"this PyAV was built without {decoder}: pip install -U av; or {_OTHERWISE}")
    return {"hwaccel": HWAccel(decoder, allow_software_fallback=False)}


def check_decoder(stream: VideoStream, decoder: str, name: str) -> None:
    """Refuse a stream that would be decoded by another decoder than was asked for.

    Raises:
        MediaError: the decoder does not take this video.
    """
    if decoder != "cpu" and not stream.codec_context.is_hwaccel:
        codec = stream.codec_context.name
        raise MediaError(f"{name}: {decoder} cannot decode {codec} here; {_OTHERWISE}")


def require_decoder(decoder: str, source: str, options: dict[str, Any], name: str) -> None:
    """Say that it is the decoder's fault that a video cannot be opened, where without the decoder it can be.

    Args:
        decoder: one of `DECODERS`.
        source: what `av.open` was given.
        options: of `av.open`, less the decoder.
        name: for people.

    Raises:
        BackendError: it is.
    """
    if decoder == "cpu":
        return
    try:
        av.open(source, "r", **options).close()
    except (av.FFmpegError, OSError, ValueError):
        return
    raise BackendError(f"{name}: {decoder} cannot decode it here: no GPU, no driver, or not this codec; {_OTHERWISE}")
