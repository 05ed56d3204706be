"""Live sources: frames do not wait, several sources share one set of models, and the latest result is shown."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from matcher.clock import Newest
from matcher.engine.pool import Pool
from matcher.engine.schedule import Schedule
from matcher.engine.stream import Run, Status, Stream
from matcher.types import Frame, Garments

__all__ = ["Live", "Status", "Stream"]


class Live:
    """Runs streams until their sources end, `stop` is called, or a part fails.

    A context manager: entering it starts the threads; leaving it stops the sources, lets what is under way finish,
    closes the sinks (with success only where nothing failed), and raises the first failure.

    Example:
        >>> with Live(streams, workers=2) as live:  # doctest: +SKIP
        ...     while not live.wait(0.5):
        ...         print(live.status())
    """

    def __init__(self, streams: Sequence[Stream], workers: int = 1, lasting: bool = False) -> None:
        """Run streams.

        Args:
            streams: at first; `add` adds more.
            workers: how many detections run at the same time for all of them together.
            lasting: go on where all streams have ended, for those that will be added.
        """
        self._pool, self._workers, self._lasting = Pool(workers), workers, lasting
        self._ended, self._stopped = threading.Event(), False
        self._changing = threading.Lock()
        self._runs = [self._run(stream, len(streams)) for stream in streams]

    def __enter__(self) -> Self:
        self._pool.__enter__()
        for run in self._runs:
            run.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changing:
            self._stopped = True
        for run in self._runs:
            run.stop(drop=kind is not None)
        try:
            for run in self._runs:
                run.join()
        finally:
            self._pool.__exit__(kind, error, trace)
        failed = [run.error for run in self._runs if run.error is not None]
        if failed and kind is None:
            raise failed[0]

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until all streams have ended or one has failed; whether that is so after `timeout_s` seconds."""
        return self._ended.wait(timeout_s)

    def stop(self) -> None:
        """Ask all sources to end; leaving the block waits for it."""
        with self._changing:
            self._stopped = True
        for run in self._runs:
            run.stop()
        self._over()

    def add(self, stream: Stream) -> int:
        """Start one more stream, inside the block; its number, by which the others stay known too.

        Raises:
            ValueError: all of them are being stopped.
        """
        with self._changing:
            if self._stopped:
                raise ValueError("the streams are being stopped: add new ones to another run")
            run = self._run(stream, len(self._runs) + 1)
            self._runs.append(run)
            run.start()
            return len(self._runs) - 1

    def remove(self, number: int) -> None:
        """End one stream; its results are finished and its sinks closed. Its number is not used again."""
        self._runs[number].stop()

    def forget(self, number: int) -> None:
        """Keep of a stream that has ended no more than its figures: no picture, and no latencies."""
        run = self._runs[number]
        if run.ended:
            run.latest, run.latencies = None, Newest()

    def pause(self, number: int, paused: bool = True) -> None:
        """Pass a stream's frames on without matching them, and clear what is shown; or match them again."""
        self._runs[number].pause(paused)

    def status(self) -> list[Status]:
        """How each stream does now."""
        return [run.status() for run in self._runs]

    def latest(self, number: int = 0) -> tuple[Frame, Garments] | None:
        """The newest result of a stream; None before the first."""
        return self._runs[number].latest

    def latencies_ms(self, number: int = 0) -> list[float]:
        """Milliseconds from coming to result of a stream's newest frames, in order."""
        return list(self._runs[number].latencies)

    def schedule(self, number: int = 0) -> Schedule:
        """What says which frames of a stream are detected."""
        return self._runs[number].stream.schedule

    def _over(self) -> None:
        if any(run.error is not None for run in self._runs):
            for run in self._runs:
                run.stop(drop=True)
            self._ended.set()
        elif all(run.ended for run in self._runs) and (self._stopped or not self._lasting):
            self._ended.set()

    def _run(self, stream: Stream, streams: int) -> Run:
        """With its share of the detections that may be under way."""
        return Run(stream, self._pool, self._over, max(self._workers // max(streams, 1), 1))
