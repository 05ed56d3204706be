"""Which frames are detected: all, every so many, or as many as there is time for."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import matcher.engine.schedule as schedule_module
from matcher.config import EngineConfig
from matcher.engine.schedule import Schedule
from matcher.errors import ConfigError
from matcher.types import Frame

IMAGE = np.zeros((4, 4, 3), np.uint8)


def frame(number: int, rate: int = 30) -> Frame:
    return Frame(IMAGE, number, Fraction(1, rate), index=number)


def chosen(schedule: Schedule, count: int, cuts: tuple[int, ...] = ()) -> list[int]:
    return [i for i in range(count) if schedule.wants(frame(i), i in cuts)]


def test_without_a_target_every_frame_is_detected() -> None:
    schedule = Schedule()
    assert chosen(schedule, 20) == list(range(20)) and schedule.counts.record()["mean_stride"] == 1


def test_every_third_frame_and_cuts() -> None:
    schedule = Schedule(EngineConfig(detect_every=3))
    assert chosen(schedule, 12, cuts=(4,)) == [0, 3, 4, 7, 10]
    assert schedule.counts.record() == {"detected": 5, "carried": 7, "forced": 2, "mean_stride": 2.4}


def test_no_box_is_carried_for_long() -> None:
    schedule = Schedule(EngineConfig(detect_every=1000, longest_s=0.5))
    assert chosen(schedule, 46) == [0, 15, 30, 45]


def test_time_that_runs_back_forces_a_detection() -> None:
    schedule = Schedule(EngineConfig(detect_every=5))
    assert schedule.wants(frame(10)) and not schedule.wants(frame(11)) and schedule.wants(frame(3))


class Machine:
    """Time that passes as a machine of our choice would let it: so much for a detection, so much for other work."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, detect_ms: float, rest_ms: float) -> None:
        self.now, self.detect_ms, self.rest_ms = 0.0, detect_ms, rest_ms
        monkeypatch.setattr(schedule_module, "perf_counter", lambda: self.now)

    def run(self, schedule: Schedule, count: int) -> tuple[float, list[int]]:
        """Frames a second over the second half, and which frames were detected."""
        detected, half = [], 0.0
        for i in range(count):
            half = self.now if i == count // 2 else half
            if schedule.wants(frame(i)):
                detected.append(i)
                self.now += self.detect_ms / 1e3
                schedule.detected(self.detect_ms)
            self.now += self.rest_ms / 1e3
            schedule.finished()
        return (count - count // 2) / (self.now - half), detected


@pytest.mark.parametrize(("detect_ms", "rest_ms"), [(60, 5), (90, 10), (150, 10), (40, 20)])
def test_the_target_is_reached_with_as_many_detections_as_fit(
    monkeypatch: pytest.MonkeyPatch, detect_ms: float, rest_ms: float
) -> None:
    schedule = Schedule(EngineConfig(fps_target=30))
    fps, detected = Machine(monkeypatch, detect_ms, rest_ms).run(schedule, 900)
    assert 29.5 <= fps <= 33
    late = [i for i in detected if i >= 450]
    assert np.diff(late).max() <= 2 * np.diff(late).min() + 1, "they are spread evenly"


def test_a_target_goes_before_the_longest_time_without_a_detection(monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = Schedule(EngineConfig(fps_target=30, longest_s=0.1))
    fps, detected = Machine(monkeypatch, 400, 10).run(schedule, 900)
    assert 29.5 <= fps <= 33 and len(detected) < 100


def test_a_target_that_leaves_time_enough_keeps_the_longest_time() -> None:
    schedule = Schedule(EngineConfig(fps_target=30, longest_s=0.25))
    schedule.detected(30)
    detected = [i for i in range(60) if schedule.wants(frame(i), free=False)]
    assert set(np.diff(detected)) == {8}, "forced though nothing is free"


def test_a_machine_with_time_to_spare_detects_every_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = Schedule(EngineConfig(fps_target=30))
    _, detected = Machine(monkeypatch, 10, 5).run(schedule, 300)
    assert len(detected) >= 298


def test_a_load_that_comes_and_goes_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    schedule, machine = Schedule(EngineConfig(budget_ms=40)), Machine(monkeypatch, 20, 10)
    before = len(machine.run(schedule, 200)[1])
    machine.detect_ms = 100
    fps, busy = machine.run(schedule, 600)
    machine.detect_ms = 20
    after = len(machine.run(schedule, 600)[1][-100:])
    assert before >= 195 and 24.5 <= fps <= 28 and len(busy) < 300 and after == 100


def test_a_live_frame_is_not_detected_where_nothing_is_free() -> None:
    schedule = Schedule(EngineConfig(), workers=1, frame_ms=33)
    assert schedule.wants(frame(0), free=False), "the first one has nothing to carry"
    schedule.detected(1)
    assert not schedule.wants(frame(1), free=False) and schedule.wants(frame(2), free=True)


def test_live_frames_that_wait_mean_fewer_detections() -> None:
    schedule = Schedule(EngineConfig(), workers=1, frame_ms=33)
    schedule.detected(60)
    before = schedule.stride
    for _ in range(50):
        schedule.waited(100)
    crowded = schedule.stride
    for _ in range(500):
        schedule.waited(0)
    assert before < crowded and schedule.stride < crowded


@pytest.mark.parametrize(
    "values", [{"fps_target": -1}, {"longest_s": 0}, {"queue": 0}, {"fps_target": 30, "budget_ms": 30}]
)
def test_settings_out_of_range_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        EngineConfig(**values)
