"""Runs end cleanly whatever fails: its own error comes back, sinks are told, no thread is left, nothing hangs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from matcher.runner import Progress, run
from matcher.sinks.base import Closing
from matcher.types import Frame, Garments
from tests.threads import in_time

IMAGE = np.zeros((4, 4, 3), np.uint8)
LONG = 300  # frames, far more than may wait in the queues


class Oops(Exception):
    """What the failing parts raise."""


class Collect(Closing):
    """A sink that remembers; fails at `fail_at` frames, or on closing if that is -1."""

    def __init__(self, fail_at: int | None = None, delay_s: float = 0.0) -> None:
        self.pts: list[int] = []
        self.closed: list[bool] = []
        self.fail_at, self.delay_s = fail_at, delay_s

    def write(self, frame: Frame, garments: Garments) -> None:
        if len(self.pts) == self.fail_at:
            raise Oops("sink")
        time.sleep(self.delay_s)
        self.pts.append(frame.pts)

    def close(self, ok: bool = True) -> None:
        self.closed.append(ok)
        if self.fail_at == -1:
            raise Oops("close")


class Stages:
    """Stands for a pipeline, whose own tests are elsewhere."""

    def __init__(
        self,
        fail_at: int | None = None,
        error: type[BaseException] = Oops,
        detect_fails_at: int | None = None,
        cut_fails_at: int | None = None,
        carry_fails_at: int | None = None,
        cuts: tuple[int, ...] = (),
    ) -> None:
        self.fail_at, self.error, self.finished, self.calls = fail_at, error, 0, 0
        self.detect_fails_at, self.cut_fails_at, self.carry_fails_at = detect_fails_at, cut_fails_at, carry_fails_at
        self.cuts = cuts

    def detect(self, frame: Frame) -> int:
        if frame.pts == self.detect_fails_at:
            raise Oops("detector")
        return frame.pts

    def cut(self, frame: Frame) -> bool:
        if frame.pts == self.cut_fails_at:
            raise Oops("cut")
        return frame.pts in self.cuts

    def carry(self, frame: Frame) -> Garments:
        if frame.pts == self.carry_fails_at:
            raise Oops("carry")
        self.calls += 1
        return Garments.empty().as_carried()

    def follow(self, frame: Frame, found: int, cut: bool) -> Garments:
        assert found == frame.pts, "a frame must meet its own detections"
        assert cut == (frame.pts in self.cuts)
        self.calls += 1
        if self.calls - 1 == self.fail_at:
            raise self.error("stage")
        return Garments.empty()

    def finish(self) -> None:
        self.finished += 1


def frames(count: int = LONG, fail_at: int | None = None) -> Iterator[Frame]:
    for i in range(count):
        if i == fail_at:
            raise Oops("source")
        yield Frame(IMAGE, i, Fraction(1, 25))


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_every_frame_arrives_in_order(at_once: int) -> None:
    first, second, stages = Collect(), Collect(), Stages()
    summary = in_time(lambda: run(frames(), [first, second], stages, at_once=at_once))
    assert first.pts == second.pts == list(range(LONG)) and summary.frames == LONG and summary.fps > 0
    assert first.closed == second.closed == [True] and stages.finished == 1


@pytest.mark.parametrize("at", [0, 3, 50, LONG - 1])
@pytest.mark.parametrize("part", ["source", "cut", "detector", "stage", "sink"])
@pytest.mark.parametrize("at_once", [1, 3])
def test_a_failure_comes_back_and_stops_the_others(part: str, at: int, at_once: int) -> None:
    wrong = {"stage": "fail_at", "detector": "detect_fails_at", "cut": "cut_fails_at"}
    stages = Stages(**({wrong[part]: at} if part in wrong else {}))
    good, sink = Collect(), Collect(at if part == "sink" else None)
    with pytest.raises(Oops, match=part):
        source = frames(fail_at=at if part == "source" else None)
        in_time(lambda: run(source, [good, sink], stages, at_once=at_once))
    assert good.closed == sink.closed == [False] and stages.finished <= 1


def test_a_sink_that_fails_to_close_is_told_and_the_others_are_closed() -> None:
    first, second = Collect(), Collect(fail_at=-1)
    with pytest.raises(Oops, match="close"):
        in_time(lambda: run(frames(5), [first, second], Stages()))
    # Sinks close in reverse order; what comes after the failure must not show its result.
    assert second.closed == [True] and first.closed == [False]


def test_a_failing_progress_callback_ends_the_run() -> None:
    def show(step: Progress) -> None:
        if step.frames == 20:
            raise Oops("progress")

    sink = Collect()
    with pytest.raises(Oops, match="progress"):
        in_time(lambda: run(frames(), [sink], Stages(), show))
    assert sink.closed == [False]


def test_ctrl_c_ends_the_run() -> None:
    sink = Collect()
    with pytest.raises(KeyboardInterrupt):
        in_time(lambda: run(frames(), [sink], Stages(10, KeyboardInterrupt)))
    assert sink.closed == [False]


def test_a_slow_sink_is_waited_for() -> None:
    sink = Collect(delay_s=0.005)
    in_time(lambda: run(frames(60), [sink], Stages(), ahead=2))
    assert sink.pts == list(range(60))


def test_decoding_does_not_run_far_ahead() -> None:
    made, spread = [], []

    def source() -> Iterator[Frame]:
        for frame in frames(60):
            made.append(frame.pts)
            yield frame

    stages = Stages()
    in_time(lambda: run(source(), [], stages, lambda step: spread.append(len(made) - step.frames), ahead=3))
    assert stages.calls == 60 and max(spread) <= 3 + 1


def test_a_part_of_the_video() -> None:
    sink = Collect()
    in_time(lambda: run(frames(100), [sink], Stages(), start_s=1.0, end_s=2.0))
    assert sink.pts == list(range(25, 50))


def test_nothing_to_do() -> None:
    sink, steps = Collect(), []
    assert in_time(lambda: run(frames(0), [sink], Stages(), steps.append)).frames == 0
    assert sink.closed == [True] and steps == []


def test_progress_tells_how_far_it_is() -> None:
    steps: list[Progress] = []
    in_time(lambda: run(frames(30), [], Stages(), steps.append))
    assert [step.frames for step in steps] == list(range(1, 31))
    assert steps[-1].time_s == pytest.approx(29 / 25) and steps[-1].rate > 0
