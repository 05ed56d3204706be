"""What time has come for a live source: to hold, to clear, to give a connection up, to open another."""

from __future__ import annotations

from fractions import Fraction
from time import monotonic

from matcher.config import SourceConfig
from matcher.video.health import State
from matcher.video.retry import Retry

_KEY_WAIT = 5  # times as long for a picture where packets come
_SLOW_FRAMES = 3  # a source of few frames a second is not held between two of them


class Patience:
    """Watches the clock for one source."""

    def __init__(self, config: SourceConfig) -> None:
        """Begin with nothing open and nothing seen."""
        self._config, self._retry = config, Retry(config.retry_s, config.retry_most_s)
        self._frame_s: float | None = None  # when the last frame came
        self._opened_s: float | None = None
        self._open_at, self._hold_s = 0.0, config.hold_s
        self._shown_here = self._ever = False

    @property
    def came_back(self) -> bool:
        """Whether a frame now would be the first of a later connection."""
        return self._ever and not self._shown_here

    def may_open(self) -> bool:
        """Whether it is time to try again."""
        return monotonic() >= self._open_at

    def opened(self) -> None:
        """A connection is begun."""
        self._opened_s, self._shown_here = monotonic(), False

    def failed(self) -> None:
        """It broke, or could not be made."""
        self._open_at, self._opened_s = monotonic() + self._retry.next(), None

    def shown(self, rate: Fraction) -> State:
        """A frame came, of so many a second; what the source is doing."""
        self._frame_s = monotonic()
        self._hold_s = max(self._config.hold_s, _SLOW_FRAMES / float(rate))
        self._shown_here = self._ever = True
        self._retry.worked()
        return State.LIVE

    def without(self, state: State) -> State:
        """What no frame means by now."""
        if self._frame_s is None:
            return state
        gone_s = monotonic() - self._frame_s
        if state in (State.LIVE, State.HELD) and gone_s >= self._hold_s + self._config.clear_s:
            return State.LOST
        return State.HELD if state == State.LIVE and gone_s >= self._hold_s else state

    def silent(self, packet_s: float) -> bool:
        """Whether an open connection has given no frame for too long.

        Where packets still come (the last at `packet_s`), a key picture may be far away, or the decoder short of time.
        """
        if self._opened_s is None:
            return False
        since = max(self._opened_s, self._frame_s or 0.0) if self._shown_here else self._opened_s
        allowed = self._config.silence_s if self._shown_here else self._config.timeout_s + self._config.silence_s
        now = monotonic()
        allowed *= _KEY_WAIT if now - packet_s < self._config.silence_s else 1
        return now - since >= allowed

    def patience_s(self) -> float:
        """How long to wait for a frame before one of these may be true; a moment more than needed does no harm."""
        return min(max(self._config.hold_s / 4, 0.01), 0.1)
