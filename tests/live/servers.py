"""Real servers for tests of live streams; a test is skipped where one is not installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import live_servers
from benchmarks.live_servers import free_port, make_clip, sending, wait_for
from matcher.errors import BackendError

__all__ = ["RtmpServer", "free_port", "make_clip", "need_ffmpeg", "sending", "wait_for"]


def need_ffmpeg() -> None:
    """Skip where there is no ffmpeg."""
    try:
        live_servers.need_ffmpeg()
    except BackendError as error:
        pytest.skip(str(error))


class RtmpServer(live_servers.RtmpServer):
    """As in the benchmarks."""

    def __init__(self, folder: Path) -> None:
        need_ffmpeg()
        try:
            super().__init__(folder)
        except BackendError as error:
            pytest.skip(str(error))
