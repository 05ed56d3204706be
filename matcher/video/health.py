"""How a live source does: what its user is told, and what makes the results of a lost one disappear."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable


class State(StrEnum):
    """What a live source is doing.

    CONNECTING: nothing has been shown yet. LIVE: frames come. HELD: they stopped a moment ago, the last result stays.
    LOST: they stopped for good, the last result is cleared, and the source is tried again and again. PAUSED: frames
    come and are passed on without being matched. ENDED: no more will come. FAILED: it ended because something in it
    failed, while other streams go on.
    """

    CONNECTING = "connecting"
    LIVE = "live"
    HELD = "held"
    LOST = "lost"
    PAUSED = "paused"
    ENDED = "ended"
    FAILED = "failed"


OVER = (State.ENDED, State.FAILED)  # no more will come
CLEARED = (State.LOST, State.PAUSED, *OVER)  # nothing found before may be shown any longer


@dataclass(frozen=True)
class Health:
    """How a source does now.

    Attributes:
        state: what it is doing.
        reason: why it is not live, one plain line; empty while it is.
        reconnects: how often it came back after it was lost or broke off.
    """

    state: State = State.LIVE
    reason: str = ""
    reconnects: int = 0


@dataclass(frozen=True)
class Notice:
    """Among the frames of a source: it does otherwise from here on.

    Attributes:
        health: how.
        rate: frames per second from here on; 0 = as before.
    """

    health: Health
    rate: float = 0.0


@runtime_checkable
class SeesHealth(Protocol):
    """A sink that is told, between two results, when its source does otherwise."""

    def health(self, health: Health) -> None:
        """Take what is true from now on; in a state of `CLEARED` nothing found before may be shown any longer."""
        ...
