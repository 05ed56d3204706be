"""Callers that share runs of one model: each gets its own result, together where they can, and nobody waits long."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from matcher.engine.live import Live, Stream
from matcher.runtime.batching import Batcher
from matcher.types import Frame
from tests.test_runner import Collect, Stages
from tests.threads import in_time


class Doubler:
    """A session that gives twice its input, counts rows, and never runs twice at the same time."""

    provider = "toy"

    def __init__(self, takes_s: float = 0.0, fails_at: int | None = None) -> None:
        self.rows: list[int] = []
        self._takes_s, self._fails_at, self._busy = takes_s, fails_at, threading.Lock()

    def run(self, x: NDArray) -> dict[str, NDArray]:
        assert self._busy.acquire(blocking=False), "two runs at the same time"
        try:
            self.rows.append(len(x))
            time.sleep(self._takes_s)
            if (x == self._fails_at).any():
                raise ValueError("this one")
            return {"y": x * 2, "first": x[:, 0]}
        finally:
            self._busy.release()


def call(batcher: Batcher, value: int, width: int = 3) -> dict[str, NDArray]:
    return batcher.run(x=np.full((1, width), value))


def from_threads(batcher: Batcher, callers: int, rounds: int, width: int = 3) -> None:
    def work(number: int) -> None:
        for turn in range(rounds):
            value = number * 1000 + turn
            got = call(batcher, value, width + number % 2 if width < 3 else width)
            assert (got["y"] == 2 * value).all() and got["first"].tolist() == [value]

    with ThreadPoolExecutor(callers) as pool:
        for future in [pool.submit(work, number) for number in range(callers)]:
            future.result()


def test_everybody_gets_the_own_result_and_runs_are_shared() -> None:
    session = Doubler(0.001)
    batcher = Batcher(session, 4, 1000)
    in_time(lambda: from_threads(batcher, 4, 30))
    # All four wait for one another: nothing but full runs while nobody has finished.
    assert sum(session.rows) == 120 and session.rows == [4] * 30 == list(batcher.sizes)


def test_no_run_is_larger_than_the_most() -> None:
    session = Doubler(0.001)
    in_time(lambda: from_threads(Batcher(session, 3, 2), 7, 20))
    assert sum(session.rows) == 140 and max(session.rows) <= 3


def test_other_shapes_are_not_joined_and_not_forgotten() -> None:
    session = Doubler()
    in_time(lambda: from_threads(Batcher(session, 4, 1), 4, 20, width=2))
    assert sum(session.rows) == 80


def test_one_that_is_alone_is_served_after_the_gathering_time() -> None:
    session = Doubler()
    assert in_time(lambda: call(Batcher(session, 16, 5), 7))["first"].tolist() == [7] and session.rows == [1]


def test_what_came_during_a_run_makes_up_the_next() -> None:
    session = Doubler(0.1)
    batcher = Batcher(session, 8, 0)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(call, batcher, 0)
        while not session.rows:
            time.sleep(0.001)
        others = [pool.submit(call, batcher, value) for value in (1, 2, 3)]
        results = in_time(lambda: [future.result()["first"][0] for future in (first, *others)])
    assert results == [0, 1, 2, 3] and session.rows[0] == 1 and sum(session.rows) == 4


def test_a_failure_goes_to_those_of_that_run_and_the_next_run_is_sound() -> None:
    batcher = Batcher(Doubler(fails_at=5), 2, 1000)

    def together(*values: int) -> list[BaseException | None]:
        with ThreadPoolExecutor(2) as pool:
            return [future.exception() for future in [pool.submit(call, batcher, value) for value in values]]

    assert all(isinstance(error, ValueError) for error in in_time(lambda: together(4, 5)))
    assert in_time(lambda: together(6, 7)) == [None, None]
    with pytest.raises(ValueError, match="this one"):
        call(Batcher(Doubler(fails_at=5), 1, 0), 5)


class Sharing(Stages):
    """A pipeline whose detector is shared with those of other streams."""

    def __init__(self, batcher: Batcher) -> None:
        super().__init__()
        self._batcher = batcher

    def detect(self, frame: Frame) -> int:
        return int(call(self._batcher, frame.pts)["first"][0])


def live_frames(stream: int, count: int) -> Iterator[Frame]:
    for number in range(count):
        time.sleep(0.001)
        yield Frame(np.zeros((4, 4, 3), np.uint8), stream * 1000 + number, Fraction(1, 25))


@pytest.mark.parametrize("fails_at", [None, 2005])
def test_live_streams_share_runs_and_each_frame_meets_its_own_result(fails_at: int | None) -> None:
    session = Doubler(0.005, fails_at)
    batcher, sinks = Batcher(session, 4, 50), [Collect() for _ in range(4)]
    streams = [Stream(live_frames(n, 30), Sharing(batcher), (sink,), queue=100) for n, sink in enumerate(sinks)]

    def to_the_end() -> None:
        with Live(streams, workers=4) as live:
            live.wait()

    if fails_at is not None:
        with pytest.raises(ValueError, match="this one"):
            in_time(to_the_end)
        return
    in_time(to_the_end)
    assert [sink.pts for sink in sinks] == [[n * 1000 + i for i in range(30)] for n in range(4)]
    assert max(batcher.sizes) > 1 and max(batcher.sizes) <= 4
