"""The benchmarks of live streams on toys, with a real browser: no fault leaves a card, or ends the run."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.live_faults import FAULTS, LIMIT_S, Stage, live_faults
from benchmarks.live_sender import now_ms
from benchmarks.live_stage import Shown
from benchmarks.picture_code import read_code
from matcher.bundle import Bundle
from matcher.types import Frame
from matcher.video.live_source import LiveSource
from matcher.web.live.message import key_of
from tests.live.servers import RtmpServer
from tests.live.test_network import film, pipeline, toy  # noqa: F401 - fixtures


def test_one_of_each_fault(film: Path, toy: tuple[Bundle, Path], server: RtmpServer, tmp_path: Path) -> None:  # noqa: F811
    pytest.importorskip("playwright", reason="Playwright is not installed")
    if shutil.which("chromium") is None:
        pytest.skip("Chromium is not installed")
    folder = tmp_path / "bench"
    folder.mkdir()
    result = live_faults(film, pipeline(toy), folder, len(FAULTS))
    assert [row["fault"] for row in result["rounds"]] == list(FAULTS)
    assert result["crashes"] == 0 and result["never_back"] == 0 and result["connections"] >= 2
    for row in result["rounds"]:
        emptied = row["fault"] in ("source killed", "server killed", "source frozen")
        assert (row["cleared_s"] is not None) == emptied and row["back_s"] is not None
        assert np.isfinite(row["oldest_s"]), "a card of a product that no result ever named"


class Pretend:
    """Stands for the page: what it shows is up to the test."""

    def __init__(self) -> None:
        self.shown: set[str] = set()

    def cards(self) -> set[str]:
        return self.shown


def test_a_card_that_stands_too_long_is_found() -> None:
    page, shown = Pretend(), Shown()
    stage = Stage(None, None, None, page, shown)
    stage.look()
    assert stage.oldest_s == 0 and not stage.right()
    shown.products, shown.seen = {"coat"}, {key_of("coat"): time.monotonic(), key_of("hat"): time.monotonic() - 9}
    page.shown = {key_of("coat")}
    stage.look()
    assert stage.oldest_s < LIMIT_S and stage.right()
    page.shown = {key_of("hat")}
    stage.look()
    assert 9 <= stage.oldest_s < 60 and not stage.right()
    page.shown = {key_of("never worn")}
    stage.look()
    assert stage.oldest_s == float("inf")


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
