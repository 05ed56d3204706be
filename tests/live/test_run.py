"""Streams in the engine: sinks are told how the source does, what was found is void when it is lost, and control."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
import pytest

from matcher.config import EngineConfig
from matcher.engine.live import Live, Stream
from matcher.engine.queues import Latest
from matcher.engine.schedule import Schedule
from matcher.types import Frame, Garments
from matcher.video.health import Health, Notice, State
from tests.test_runner import Collect, Stages
from tests.threads import in_time

IMAGE = np.zeros((4, 4, 3), np.uint8)


class Told(Collect):
    """A sink that keeps results and states in the order in which they came."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[int | str] = []

    def write(self, frame: Frame, garments: Garments) -> None:
        self.log.append(frame.pts)

    def health(self, health: Health) -> None:
        if self.log[-1:] != [health.state.value]:
            self.log.append(health.state.value)


class Fed:
    """A source that gives what the test puts in; None ends it."""

    def __init__(self) -> None:
        self.items: queue.Queue[Frame | Notice | None] = queue.Queue()

    def frame(self, pts: int) -> None:
        self.items.put(Frame(IMAGE, pts, Fraction(1, 25)))

    def notice(self, state: State, rate: float = 0.0) -> None:
        self.items.put(Notice(Health(state), rate))

    def stop(self) -> None:
        self.items.put(None)

    def __iter__(self) -> Iterator[Frame | Notice]:
        while (item := self.items.get()) is not None:
            yield item


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.005)


def stream(fed: Fed, sink: Told, stages: Stages | None = None) -> Stream:
    return Stream(fed, stages or Stages(), (sink,), Schedule(EngineConfig(detect_every=1)), queue=100)


def test_a_lost_source_clears_after_its_last_result() -> None:
    fed, sink, stages = Fed(), Told(), Stages()

    def run() -> None:
        with Live([stream(fed, sink, stages)]) as live:
            fed.notice(State.LIVE)
            fed.frame(0)
            fed.frame(1)
            fed.notice(State.HELD)
            until(lambda: "held" in sink.log and 1 in sink.log)
            assert stages.finished == 0, "a held source keeps its tracks"
            fed.notice(State.LOST)
            until(lambda: "lost" in sink.log)
            assert stages.finished == 1 and live.latest() is None and live.status()[0].health.state is State.LOST
            fed.notice(State.LIVE)
            fed.frame(2)
            until(lambda: 2 in sink.log)
            live.stop()

    in_time(run)
    results = [item for item in sink.log if isinstance(item, int)]
    assert results == [0, 1, 2] and sink.log.index("lost") > sink.log.index(1)
    assert [item for item in sink.log if isinstance(item, str)] == ["live", "held", "lost", "live", "ended"]


def test_a_source_that_was_back_before_anyone_looked() -> None:
    """What came before it was lost is void by then; what came after is shown, and no track reaches over it."""
    fed, sink, stages = Fed(), Told(), Stages()
    for item in (State.LIVE, 0, 1, State.LOST, State.LIVE, 2, 3, State.LOST, State.LIVE, 4):
        fed.notice(item) if isinstance(item, State) else fed.frame(item)
    fed.stop()

    def run() -> None:
        with Live([stream(fed, sink, stages)]) as live:
            live.wait()

    in_time(run)
    frames = [item for item in sink.log if isinstance(item, int)]
    assert frames == sorted(frames) and frames[-1] == 4 and stages.finished == 3
    for pts in frames[:-1]:
        assert "lost" in sink.log[sink.log.index(pts) :], "shown before it was lost, or not at all"


class Stuck(Stages):
    """Its detection does not end before it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    def detect(self, frame: Frame) -> int:
        self.go_on.wait(20)
        return super().detect(frame)


def test_clearing_waits_for_nothing_and_nothing_comes_after_it() -> None:
    fed, sink, stages = Fed(), Told(), Stuck()

    def run() -> None:
        with Live([stream(fed, sink, stages)]) as live:
            fed.notice(State.LIVE)
            fed.frame(0)
            fed.notice(State.LOST)
            until(lambda: "lost" in sink.log)
            assert 0 not in sink.log and live.latest() is None
            stages.go_on.set()
            until(lambda: live.status()[0].dropped == 1)
            fed.notice(State.LIVE)
            fed.frame(1)
            until(lambda: 1 in sink.log)
            live.stop()

    in_time(run)
    assert 0 not in sink.log, "found before it was lost"


def test_notices_are_never_dropped() -> None:
    items = [Notice(Health(State.LIVE)), *range(10), Notice(Health(State.LOST)), *range(10, 20)]
    with Latest(iter(items), 3, lambda item: isinstance(item, int)) as inbox:
        inbox._thread.join()
        kept = list(inbox)
    assert [item.health.state for item in kept if isinstance(item, Notice)] == [State.LIVE, State.LOST]
    assert [item for item in kept if isinstance(item, int)] == [17, 18, 19] and inbox.dropped == 17


class Seen(Told):
    """Also keeps whether anything was found."""

    def write(self, frame: Frame, garments: Garments) -> None:
        super().write(frame, garments)
        self.found = garments.has("track_id")


class Finds(Stages):
    """Marks what went through it."""

    def follow(self, frame: Frame, found: int, cut: bool) -> Garments:
        return super().follow(frame, found, cut).with_columns(track_id=np.zeros(0, np.int64))


def test_a_paused_stream_shows_its_frames_with_nothing_found() -> None:
    fed, sink, stages = Fed(), Seen(), Finds()

    def run() -> None:
        with Live([stream(fed, sink, stages)]) as live:
            fed.notice(State.LIVE)
            fed.frame(0)
            until(lambda: 0 in sink.log)
            assert sink.found
            live.pause(0)
            until(lambda: "paused" in sink.log)
            assert live.status()[0].health.state is State.PAUSED and stages.finished == 1
            fed.frame(1)
            until(lambda: 1 in sink.log)
            assert not sink.found and stages.calls == 1, "not matched"
            live.pause(0, False)
            until(lambda: sink.log[-1] == "live")
            fed.frame(2)
            until(lambda: 2 in sink.log)
            assert sink.found
            live.stop()

    in_time(run)
    assert [item for item in sink.log if isinstance(item, int)] == [0, 1, 2]


class Strict(Stages):
    """Has nothing to carry before something was found in the same run of frames."""

    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def follow(self, frame: Frame, found: int, cut: bool) -> Garments:
        self.found = True
        return super().follow(frame, found, cut)

    def carry(self, frame: Frame) -> Garments:
        assert self.found, "nothing to carry"
        return super().carry(frame)

    def finish(self) -> None:
        self.found = False
        super().finish()


def test_what_is_back_is_detected_before_it_is_carried() -> None:
    fed, stages = Fed(), Strict()
    source = Stream(fed, stages, (Told(),), Schedule(EngineConfig(detect_every=50, longest_s=100)), queue=100)

    def run() -> None:
        with Live([source]) as live:
            fed.notice(State.LIVE)
            fed.frame(0)
            fed.frame(1)
            until(lambda: live.status()[0].frames == 2)
            fed.notice(State.LOST)
            fed.notice(State.LIVE)
            fed.frame(2)
            fed.frame(3)
            until(lambda: live.status()[0].frames == 4)
            live.pause(0)
            until(lambda: live.status()[0].health.state is State.PAUSED and stages.finished == 2)
            live.pause(0, False)
            fed.frame(4)
            fed.frame(5)
            until(lambda: live.status()[0].frames == 6)
            live.stop()

    in_time(run)
    assert source.schedule.counts.detected == 3


def test_no_frame_is_lost_by_pausing() -> None:
    fed, sink = Fed(), Told()

    def run() -> None:
        with Live([stream(fed, sink)]) as live:
            for pts in range(60):
                fed.frame(pts)
                if pts % 10 == 5:
                    live.pause(0, pts % 20 == 5)
                time.sleep(0.002)
            fed.stop()
            live.wait()

    in_time(run)
    assert [item for item in sink.log if isinstance(item, int)] == list(range(60))


def test_streams_come_and_go_while_others_run() -> None:
    feds, sinks = [Fed(), Fed()], [Told(), Told()]

    def run() -> None:
        with Live([stream(feds[0], sinks[0])], lasting=True) as live:
            number = live.add(stream(feds[1], sinks[1]))
            feds[1].frame(0)
            until(lambda: 0 in sinks[1].log)
            live.remove(number)
            until(lambda: sinks[1].closed == [True])
            feds[0].frame(7)
            until(lambda: 7 in sinks[0].log)
            feds[0].stop()
            until(lambda: all(status.ended for status in live.status()))
            assert not live.wait(0.05), "it lasts until it is stopped"
            live.stop()
            assert live.wait(10)
            with pytest.raises(ValueError, match="being stopped"):
                live.add(stream(Fed(), Told()))

    in_time(run)


def test_the_schedule_learns_the_rate_when_the_source_is_open() -> None:
    fed, schedule = Fed(), Schedule(EngineConfig())

    def run() -> None:
        with Live([Stream(fed, Stages(), (Told(),), schedule)]):
            fed.notice(State.LIVE, rate=50)
            until(lambda: schedule.frame_ms == 20)

    in_time(run)
    given = Schedule(EngineConfig(fps_target=10))
    given.at_rate(50)
    assert given.frame_ms == 100, "what the settings ask for stays"


def test_stopping_ends_a_source_that_waits() -> None:
    def run() -> None:
        with Live([stream(Fed(), Told())]) as live:
            threading.Timer(0.05, live.stop).start()
            live.wait()

    in_time(run)
