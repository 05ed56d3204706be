"""Protocols that this build of PyAV lacks, most often SRT: the program ffmpeg speaks them, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from urllib.parse import urlsplit

import av

from matcher.errors import MediaError

_QUIET = ("-hide_banner", "-nostdin", "-v", "error")


@cache
def spoken(scheme: str) -> bool:
    """Whether this build of PyAV knows a protocol."""
    try:
        av.open(f"{scheme}://", "r", timeout=0.01).close()
    except av.error.ProtocolNotFoundError:
        return False
    except (av.FFmpegError, OSError, ValueError):
        return True
    return True


def needed(address: str) -> bool:
    """Whether an address can only be had through ffmpeg; others are left to PyAV, and to its error."""
    scheme = urlsplit(address).scheme.lower()
    return scheme == "srt" and not spoken(scheme)


def reading(address: str) -> subprocess.Popen[bytes]:
    """ffmpeg that copies what comes from an address to its standard output, as MPEG-TS.

    Raises:
        MediaError: it is not installed.
    """
    command = [_program(address), *_QUIET, "-i", address, "-map", "0:v:0", "-map", "0:a:0?", "-c", "copy"]
    return subprocess.Popen([*command, "-f", "mpegts", "-"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def sending(address: str) -> list[str]:
    """The command that copies NUT from its standard input to an address, as MPEG-TS.

    Raises:
        MediaError: ffmpeg is not installed.
    """
    quick = ["-probesize", "32", "-analyzeduration", "0", "-f", "nut", "-i", "pipe:0"]
    return [_program(address), *_QUIET, "-progress", "pipe:1", *quick, "-c", "copy", "-f", "mpegts", address]


def _program(address: str) -> str:
    program = shutil.which("ffmpeg")
    if program is None:
        scheme = urlsplit(address).scheme
        raise MediaError(f"this PyAV was built without {scheme}://: install the program ffmpeg, which speaks it")
    return program
