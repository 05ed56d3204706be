"""Live sources: nothing waits, the oldest is dropped, sources get their turns, and whatever fails comes back."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from matcher.config import EngineConfig
from matcher.engine.live import Live, Stream
from matcher.engine.pool import Pool
from matcher.engine.queues import Latest
from matcher.engine.schedule import Schedule
from matcher.types import Frame
from tests.terminal import ctrl_c, running
from tests.test_cli_match import shop  # noqa: F401 - a fixture
from tests.test_runner import Collect, Oops, Stages
from tests.threads import in_time

IMAGE = np.zeros((4, 4, 3), np.uint8)
PARTS = {"cut": "cut_fails_at", "detector": "detect_fails_at", "stage": "fail_at", "carry": "carry_fails_at"}


def frames(number: int | None = None, fail_at: int | None = None, gap_s: float = 0.001) -> Iterator[Frame]:
    """Frames at a pace, for ever where no number is given."""
    for i in count() if number is None else range(number):
        if i == fail_at:
            raise Oops("source")
        time.sleep(gap_s)
        yield Frame(IMAGE, i, Fraction(1, 25))


def stream(stages: Stages, sinks: tuple[Collect, ...] = (), every: int = 1, **source: float | None) -> Stream:
    return Stream(frames(**source), stages, sinks, Schedule(EngineConfig(detect_every=every)))


def to_the_end(streams: list[Stream], workers: int = 2) -> Live:
    with Live(streams, workers) as live:
        live.wait()
    return live


def test_what_there_is_time_for_arrives_in_order() -> None:
    sinks = [Collect(), Collect()]
    streams = [stream(Stages(), (sink,), number=40) for sink in sinks]
    live = in_time(lambda: to_the_end(streams))
    for sink, status, number in zip(sinks, live.status(), count()):
        assert sink.pts == sorted(sink.pts) and sink.closed == [True] and status.ended
        assert len(sink.pts) + status.dropped == 40 and status.frames == len(sink.pts)
        assert live.latest(number)[0].pts == sink.pts[-1] == 39, "the newest frame is never the one that is dropped"
        assert len(live.latencies_ms(number)) == status.frames
    live.forget(0)
    assert live.latest(0) is None and live.latencies_ms(0) == [] and live.latest(1) is not None
    assert live.status()[0].frames == len(sinks[0].pts), "its figures stay"


@pytest.mark.parametrize("part", ["source", "sink", *PARTS])
def test_a_failure_ends_all_streams_and_comes_back(part: str) -> None:
    stages = Stages(**({PARTS[part]: 7} if part in PARTS else {}))
    good, sink = Collect(), Collect(7 if part == "sink" else None)
    broken = stream(stages, (sink,), 2 if part == "carry" else 1, fail_at=7 if part == "source" else None)
    broken.queue = 1000  # nothing dropped: the frame that fails comes for certain
    with pytest.raises(Oops, match=part):
        in_time(lambda: to_the_end([stream(Stages(), (good,)), broken]))
    assert good.closed == sink.closed == [False]


def test_stopping_drains_and_shows_the_results() -> None:
    sink = Collect()

    def run() -> Live:
        with Live([stream(Stages(), (sink,))]) as live:
            while live.status()[0].frames < 5:
                time.sleep(0.005)
        return live

    live = in_time(run)
    assert sink.closed == [True] and len(sink.pts) == live.status()[0].frames >= 5


def test_an_error_of_the_user_of_the_block_drops_the_results() -> None:
    sink = Collect()

    def run() -> None:
        with Live([stream(Stages(), (sink,))]):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_time(run)
    assert sink.closed == [False]


class Slow(Stages):
    """Detection in whose time four more frames come."""

    def __init__(self) -> None:
        super().__init__()
        self.made = 0

    def frames(self, number: int) -> Iterator[Frame]:
        for frame in frames(number):
            self.made += 1
            yield frame
        self.made += number

    def detect(self, frame: Frame) -> int:
        while self.made < frame.pts + 5:
            time.sleep(0.001)
        return super().detect(frame)


def test_a_slow_detector_means_carried_frames_not_dropped_ones() -> None:
    sink, slow = Collect(), Slow()
    source = Stream(slow.frames(100), slow, (sink,), Schedule(EngineConfig(longest_s=100), 1, 10), queue=1000)
    live = in_time(lambda: to_the_end([source], workers=1))
    counts = source.schedule.counts
    assert live.status()[0].dropped == 0 and len(sink.pts) == 100
    assert counts.carried > counts.detected >= 2


def test_a_slow_sink_makes_the_oldest_frames_drop() -> None:
    sink = Collect(delay_s=0.03)
    live = in_time(lambda: to_the_end([stream(Stages(), (sink,), number=100)]))
    status = live.status()[0]
    assert status.dropped > 0 and status.dropped + len(sink.pts) == 100 and sink.pts[-1] == 99


def test_only_the_newest_are_kept() -> None:
    with Latest(iter(range(10)), 3) as inbox:
        inbox._thread.join()
        assert list(inbox) == [7, 8, 9] and inbox.dropped == 7


def test_a_poke_is_told_between_items() -> None:
    go = threading.Event()

    def items() -> Iterator[int]:
        go.wait()
        yield 1

    with Latest(items(), 3) as inbox:
        inbox.poke()
        iterator = iter(inbox)
        assert next(iterator) is None
        go.set()
        assert next(iterator) == 1


def test_sources_are_served_in_turn() -> None:
    order: list[str] = []
    with Pool(1) as pool:
        hold = threading.Event()
        pool.submit("first", hold.wait)
        jobs = [pool.submit("greedy", lambda: order.append("greedy")) for _ in range(6)]
        jobs += [pool.submit("modest", lambda: order.append("modest")) for _ in range(2)]
        hold.set()
        for job in jobs:
            job.result(timeout=10)
    assert order[:4] == ["greedy", "modest", "greedy", "modest"] and Counter(order) == {"greedy": 6, "modest": 2}


def test_a_pool_that_ends_cancels_what_waits() -> None:
    with Pool(1) as pool:
        running = pool.submit(1, lambda: time.sleep(0.05))
        waiting = pool.submit(1, lambda: time.sleep(10))
        while not running.running():
            time.sleep(0.001)
    assert running.done() and waiting.cancelled() and pool.submit(1, int).cancelled()


@pytest.mark.parametrize("sources", [1, 2])
def test_the_command(shop: Path, tmp_path: Path, sources: int) -> None:  # noqa: F811
    from matcher.cli.main import main

    given = [str(shop / "walk.mp4")] * sources
    args = ["--catalog", str(shop / "toy.catalog"), "--bundle", str(shop / "toy"), "--out", str(tmp_path / "r")]
    assert main(["live", *given, *args]) == 0
    folders = [tmp_path / "r"] if sources == 1 else sorted((tmp_path / "r").iterdir())
    assert len(folders) == sources
    for folder in folders:
        record = json.loads((folder / "run.json").read_text())
        lines = (folder / "frames.jsonl").read_text().splitlines()
        assert record["frames"] == len(lines) > 0 and record["frames"] + record["dropped"] == 12
        assert record["detection"]["detected"] + record["detection"]["carried"] == record["frames"]
        assert record["latency_ms"]["p50"] > 0 and record["catalogue"]["generation"] == 1


def test_ctrl_c_is_the_usual_end(shop: Path, tmp_path: Path) -> None:  # noqa: F811
    args = ["live", str(shop / "walk.mp4"), "--loop", "--bundle", str(shop / "toy"), "--out", str(tmp_path / "r")]
    written = tmp_path.glob
    with running(*args) as run:
        out, errors = ctrl_c(
            run, once=lambda: any(path.stat().st_size for path in written("r/.unfinished-*/.*frames*"))
        )
    assert run.returncode == 0 and "frames" in out and "Traceback" not in errors
    lines = (tmp_path / "r" / "frames.jsonl").read_text().splitlines()
    assert json.loads((tmp_path / "r" / "run.json").read_text())["frames"] == len(lines) > 0


def test_a_source_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    from matcher.cli.main import main

    assert main(["live", "nowhere.mp4"]) == 2 and "nowhere.mp4" in capsys.readouterr().err
