"""Several callers of one model served by one run: live streams that share a detector on a GPU."""

from __future__ import annotations

import threading
from collections import deque
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from matcher.runtime.session import Session

_Key = tuple[tuple[str, tuple[int, ...], str], ...]


class Batcher:
    """A `Session` that puts calls of several threads together.

    A call waits for others of the same shape until there are `most`, but no longer than `gather_ms` after it came;
    what comes while a run is under way makes up the next one, which then need not wait. The calling threads do the
    work: there is no thread to stop, and as many calls can wait as there are callers.

    Attributes:
        provider: of the session.
        sizes: callers served by each of the latest runs.
    """

    def __init__(self, session: Session, most: int, gather_ms: float) -> None:
        """Put at most so many calls together.

        Args:
            session: its inputs and outputs have one row for each picture or crop.
            most: calls in one run; as many as there are callers, or fewer.
            gather_ms: how long a call may wait for others.
        """
        self.provider = session.provider
        self._session, self._most, self._gather_s = session, max(most, 1), gather_ms / 1e3
        self._changed = threading.Condition()
        self._waiting: list[_Call] = []
        self._led = False  # whether a caller gathers or runs
        self.sizes: deque[int] = deque(maxlen=1000)

    def run(self, **inputs: NDArray) -> dict[str, NDArray]:
        """Run the model on these rows, perhaps together with those of others; see `Session.run`.

        What the model raises, every caller gets whose rows were in that run.
        """
        mine = _Call(inputs)
        with self._changed:
            self._waiting.append(mine)
            self._changed.notify_all()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: mine.done or not self._led)
                if mine.done:
                    return mine.outcome()
                calls = self._gather()
            self._serve(calls)

    def _gather(self) -> list[_Call]:
        """The oldest call and those that go with it; the lock is held, and let go while waiting."""
        self._led = True
        oldest = self._waiting[0]
        left_s = oldest.came + self._gather_s - perf_counter()
        self._changed.wait_for(lambda: len(self._like(oldest)) >= self._most, max(left_s, 0))
        calls = self._like(oldest)[: self._most]
        self._waiting = [call for call in self._waiting if call not in calls]
        return calls

    def _like(self, one: _Call) -> list[_Call]:
        return [call for call in self._waiting if call.key == one.key]

    def _serve(self, calls: list[_Call]) -> None:
        try:
            self._run(calls)
        except BaseException as error:  # each caller raises it
            for call in calls:
                call.error = error
        with self._changed:
            self.sizes.append(len(calls))
            for call in calls:
                call.done = True
            self._led = False
            self._changed.notify_all()

    def _run(self, calls: list[_Call]) -> None:
        names = calls[0].inputs
        joined = {name: np.concatenate([call.inputs[name] for call in calls]) for name in names}
        outputs = self._session.run(**(joined if len(calls) > 1 else calls[0].inputs))
        ends = np.cumsum([call.rows for call in calls])
        for call, end in zip(calls, ends, strict=True):
            call.results = {name: value[end - call.rows : end] for name, value in outputs.items()}


class _Call:
    """Rows of one caller on their way."""

    def __init__(self, inputs: dict[str, NDArray]) -> None:
        self.inputs, self.came = inputs, perf_counter()
        self.rows = len(next(iter(inputs.values())))
        self.key: _Key = tuple((name, value.shape[1:], value.dtype.str) for name, value in sorted(inputs.items()))
        self.results: dict[str, NDArray] = {}
        self.error: BaseException | None = None
        self.done = False

    def outcome(self) -> dict[str, NDArray]:
        if self.error is not None:
            raise self.error
        return self.results
