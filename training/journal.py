"""What a run tells while it goes: lines with the time left, `log.jsonl`, and TensorBoard where it is installed."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

log = logging.getLogger("training")
LOG_FILE = "log.jsonl"
BOARD = "tensorboard"  # folder of the run folder


class Journal:
    """The log of a run in one folder; a resumed run goes on in the same files."""

    def __init__(self, out: Path, steps: int, first: int = 0, writes: bool = True) -> None:
        """Begin.

        Args:
            out: run folder, which exists.
            steps: of the whole run.
            first: step that this start begins at.
            writes: whether this process is the one that writes; the others' notes are dropped.
        """
        self._out, self._steps, self._first, self._writes = out, steps, first, writes
        self._started = time.monotonic()
        self._begun_at = first / max(steps, 1)
        self._board: Any = None

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        """Write out what is still held back."""
        if self._board is not None:
            self._board.close()
            self._board = None

    def note(self, step: int, loss: float, figures: Mapping[str, float], rate: float, progress: float) -> None:
        """Write down one step.

        Args:
            step: steps done.
            loss: of the last one.
            figures: whatever else there is to say of it, by name.
            rate: share of the peak learning rate.
            progress: 0..1 through the run, by steps or by the clock.
        """
        if not self._writes:
            return
        seconds = time.monotonic() - self._started
        line = {"step": step, "loss": round(loss, 4), "s": round(seconds, 1)}
        line |= {name: round(float(value), 4) for name, value in figures.items()}
        with (self._out / LOG_FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self._show(step, {"loss": loss, **figures, "rate": rate})
        log.info("%s", self._said(step, {"loss": loss, **figures}, seconds, progress))

    def _said(self, step: int, figures: Mapping[str, float], seconds: float, progress: float) -> str:
        values = ", ".join(f"{name} {float(value):.4g}" for name, value in figures.items())
        pace = seconds / max(step - self._first, 1)
        left = seconds * (1 - progress) / max(progress - self._begun_at, 1e-9)
        return f"step {step}/{self._steps} ({progress:.1%}): {values}; {pace:.2f} s a step, {_clock(left)} left"

    def _show(self, step: int, figures: Mapping[str, float]) -> None:
        if find_spec("tensorboard") is None:
            return
        if self._board is None:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(self._out / BOARD), purge_step=step)
        for name, value in figures.items():
            self._board.add_scalar(name, float(value), step)


class _Lines(logging.Handler):
    """Writes to whatever stderr is at the moment; a stream that is kept may be closed by then."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr, flush=True)


def show_lines() -> None:
    """Show the lines of all runs of this process on stderr."""
    if not log.handlers:
        handler = _Lines()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
        log.addHandler(handler)
    log.setLevel(logging.INFO)


def lines_are_shown() -> bool:
    """Whether `show_lines` was called; processes that this one starts do not know it by themselves."""
    return bool(log.handlers)


def spent(out: Path) -> float | None:
    """Seconds that the steps of a run took, all its starts together; None where nothing was logged."""
    clocks = _logged(out, "s")
    if not clocks:
        return None
    # The clock begins anew with each start.
    ends = [one for one, after in zip(clocks, [*clocks[1:], 0.0], strict=True) if after < one]
    return round(sum(ends), 1)


def last_loss(out: Path) -> float | None:
    """The loss that a run noted last; None where nothing was logged."""
    return next(reversed(_logged(out, "loss")), None)


def _logged(out: Path, name: str) -> list[float]:
    """One figure of all lines of a run's log; none where it cannot be read."""
    try:
        lines = [json.loads(line) for line in (out / LOG_FILE).read_text(encoding="utf-8").splitlines()]
        return [float(line[name]) for line in lines]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _clock(seconds: float) -> str:
    minutes = round(seconds / 60)
    return (
        f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min" if minutes else "under a minute"
    )
