"""What tests of live streams share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.servers import RtmpServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RtmpServer]:
    """An RTMP server, ended after the test."""
    one = RtmpServer(tmp_path)
    try:
        yield one
    finally:
        one.kill()
