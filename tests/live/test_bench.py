"""The benchmarks of live streams on toys: faults are told apart, and none leaves a card or ends the run."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.live_faults import FAULTS, live_faults
from benchmarks.live_sender import now_ms
from benchmarks.picture_code import read_code
from matcher.bundle import Bundle
from matcher.types import Frame
from matcher.video.live_source import LiveSource
from tests.live.servers import RtmpServer
from tests.live.test_network import QUICK, film, pipeline, toy  # noqa: F401 - fixtures


def test_one_of_each_fault(film: Path, toy: tuple[Bundle, Path], server: RtmpServer, tmp_path: Path) -> None:  # noqa: F811
    folder = tmp_path / "bench"
    folder.mkdir()
    result = live_faults(film, pipeline(toy), folder, len(FAULTS))
    assert [row["fault"] for row in result["rounds"]] == list(FAULTS)
    assert result["crashes"] == 0 and result["never_back"] == 0
    broken = result["rounds"][:3]
    assert all(row["cleared_s"] >= 0.9 * QUICK.hold_s for row in broken), "held for a moment first"


def test_a_sender_draws_the_time_into_its_pictures(film: Path, server: RtmpServer) -> None:  # noqa: F811
    command = [sys.executable, "-m", "benchmarks.live_sender", str(film), server.url("coded")]
    sender = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    source, late = LiveSource(server.url("coded")), []
    end = time.monotonic() + 60
    try:
        for item in source:
            if isinstance(item, Frame):
                late.append(now_ms() - read_code(item.image))
            if len(late) >= 20 or time.monotonic() > end:
                source.stop()
    finally:
        sender.terminate()
        sender.wait()
    assert len(late) >= 20 and all(0 <= ms < 30_000 for ms in late)
