"""Which frames are detected when not all can be; the others have their tracks carried on."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from matcher.config import EngineConfig
from matcher.types import Frame

SMOOTH = 15.0  # frames over which the pace is averaged
GAIN = 0.03  # how fast the stride follows; with `SMOOTH` the loop settles without swinging
DETECTION_GAIN = 0.3  # of the newest detection in the running mean of their cost
CATCH_UP = 0.5  # of the stride for each second that the run is behind
RATES = (5.0, 120.0)  # frames per second; what streams say of their rate is often wrong
PRESSURE = (0.25, 16.0)  # how far the stride may differ from what detections alone would ask for


@dataclass
class Counts:
    """What was decided so far.

    Attributes:
        detected: frames that the detector looked at.
        carried: frames whose boxes were carried on.
        forced: detections for which there was no choice: the first frame, cuts, and after the longest time without.
    """

    detected: int = 0
    carried: int = 0
    forced: int = 0

    @property
    def stride(self) -> float:
        """Frames for each detection, mean."""
        return (self.detected + self.carried) / self.detected if self.detected else 0.0

    def record(self) -> dict[str, float | int]:
        """For run.json."""
        return {**self.__dict__, "mean_stride": round(self.stride, 3)}


class Schedule:
    """Says of each frame whether it is to be detected.

    Without a target that is every frame, with `detect_every` every so many; both are the same in every run. With a
    target the stride is what the recent detections cost over what the workers can do in the time of a frame, times a
    pressure that a slow loop moves until the frames come out as fast as wanted.
    """

    def __init__(self, config: EngineConfig | None = None, workers: int = 1, frame_ms: float | None = None) -> None:
        """Decide by these settings.

        Args:
            config: settings.
            workers: detections that run at the same time.
            frame_ms: the time that a frame may take; that of the settings when None.
        """
        self.config, self._workers = config or EngineConfig(), max(workers, 1)
        self.frame_ms = self.config.frame_ms if frame_ms is None else frame_ms
        self._aims = self.frame_ms is not None
        self.counts = Counts()
        self._lock = threading.Lock()  # costs are told by the workers
        self._cost_ms: float | None = None
        self._pressure, self._credit = 1.0, 0.0
        self._since, self._last_s = 0, -np.inf
        self._pace = _Pace()

    @property
    def adaptive(self) -> bool:
        """Whether the choices depend on the time that things take."""
        return not self.config.detect_every and self.frame_ms is not None

    @property
    def stride(self) -> float:
        """Frames for each detection that are aimed at now; infinite before the first cost is known."""
        if not self.adaptive:
            return float(max(self.config.detect_every, 1))
        with self._lock:
            if self._cost_ms is None:
                return np.inf
            return max(self._cost_ms / (self._workers * self.frame_ms) * self._pressure, 1.0)

    def wants(self, frame: Frame, cut: bool = False, free: bool = True) -> bool:
        """Whether to detect the next frame.

        Args:
            frame: the frame.
            cut: another shot begins with it: there is nothing to carry.
            free: whether a detection could begin now; where none can, only what is forced is detected.
        """
        self._since += 1
        self._credit = min(self._credit + 1 / self.stride, 1.0)
        waited = frame.time - self._last_s
        forced = cut or self._last_s == -np.inf or not 0 <= waited < self._longest_s()
        chosen = self._credit >= 1 - 1e-9 and (free or not self.adaptive)
        if not (forced or chosen):
            self.counts.carried += 1
            return False
        self.counts.detected += 1
        self.counts.forced += forced and not chosen
        self._credit, self._since, self._last_s = 0.0 if forced else self._credit - 1, 0, frame.time
        return True

    def _longest_s(self) -> float:
        """The longest time without a detection: `longest_s`, or more where the target leaves time for fewer.

        Else a machine whose detection takes half a second would do nothing but detect, and miss the target that was
        asked for by far.
        """
        if not self.adaptive or (stride := self.stride) == np.inf:
            return self.config.longest_s
        return max(self.config.longest_s, stride * self.frame_ms / 1e3)

    def begin(self) -> None:
        """What was seen before is void: the next frame is detected, since there is nothing to carry."""
        self._last_s = -np.inf

    def at_rate(self, rate: float) -> None:
        """Learn how many frames a second a live source gives: where no target was set, that is the target."""
        if not self._aims:
            self.frame_ms = 1000 / min(max(rate, RATES[0]), RATES[1])

    def detected(self, cost_ms: float) -> None:
        """Learn what a detection cost; called from any thread."""
        with self._lock:
            old = self._cost_ms
            self._cost_ms = cost_ms if old is None else old + DETECTION_GAIN * (cost_ms - old)

    def finished(self) -> None:
        """Learn that one more frame of a file is through; the next may follow at once."""
        if self.adaptive:
            self._press(self._pace.error(self.frame_ms))

    def waited(self, lag_ms: float) -> None:
        """Learn how long a live frame had to wait before its turn; the next comes when the source gives it."""
        if self.adaptive:
            self._press(min(lag_ms / self.frame_ms - 1, 2.0) if lag_ms > self.frame_ms else -0.2)

    def _press(self, error: float) -> None:
        with self._lock:
            self._pressure = float(np.clip(self._pressure * np.exp(GAIN * error), *PRESSURE))


class _Pace:
    """How fast frames come out, against how fast they should."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._mean_ms: float | None = None
        self._late_ms = 0.0

    def error(self, frame_ms: float) -> float:
        """Take a frame that came out now; above 0 = too slow, as a share of its time."""
        now, last = perf_counter(), self._last
        self._last = now
        if last is None:
            return 0.0
        took = 1e3 * (now - last)
        self._mean_ms = took if self._mean_ms is None else self._mean_ms + (took - self._mean_ms) / SMOOTH
        # A run that was slow at first makes up for it; one that was fast may be slow only a little while.
        self._late_ms = float(np.clip(self._late_ms + took - frame_ms, -200, 2000))
        return min(self._mean_ms / frame_ms - 1 + CATCH_UP * self._late_ms / 1e3, 2.0)
