"""Picks the source that fits what the user named."""

from __future__ import annotations

from pathlib import Path

from matcher.video.pyav import PyAVSource
from matcher.video.source import VideoSource


def open_video(source: str | Path, timeout_s: float = 10.0, decode: str = "cpu") -> VideoSource:
    """Open a video for reading, as a context manager.

    Args:
        source: path of a video file, or an address such as https:// or rtmp://.
        timeout_s: for addresses: how long to wait for the connection, and for each read.
        decode: cpu, or cuda for NVDEC; what is missing or cannot decode this video is an error.

    Raises:
        BackendError: PyAV or this machine has no such decoder.
        MediaError: it cannot be found, opened or decoded.
    """
    return PyAVSource(source, timeout_s, decode)
