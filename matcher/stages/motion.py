"""Where a box will be: constant velocity over real time, so that variable frame rates need no special care."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SMOOTH_S = 0.15  # velocities are averaged over about this time
FADE_S = 0.5  # without a box the velocity is trusted less and less


class Motion:
    """Position, size and velocity of one box."""

    def __init__(self, xyxy: NDArray[np.float32], time: float) -> None:
        """Start at rest with a box (4,) xyxy at a time in seconds."""
        self.time = time
        self._centre, self._half = _split(xyxy)
        self._velocity = np.zeros(2)
        self._updates = 0

    @property
    def box(self) -> NDArray[np.float32]:
        """The last box (4,) float32 xyxy."""
        return np.concatenate([self._centre - self._half, self._centre + self._half]).astype(np.float32)

    def predict(self, time: float) -> NDArray[np.float32]:
        """The box (4,) float32 xyxy expected at a time not before the last one."""
        reach = FADE_S * (1 - np.exp(-(time - self.time) / FADE_S))
        centre = self._centre + self._velocity * reach
        return np.concatenate([centre - self._half, centre + self._half]).astype(np.float32)

    def update(self, xyxy: NDArray[np.float32], time: float) -> None:
        """Take the box seen at a later time."""
        centre, self._half = _split(xyxy)
        gap = max(time - self.time, 1e-3)
        self._updates += 1
        # The first measurements count fully: a fast object must not be lost while its velocity is being learnt.
        gain = max(1 - np.exp(-gap / SMOOTH_S), 1 / self._updates)
        self._velocity += gain * ((centre - self._centre) / gap - self._velocity)
        self._centre, self.time = centre, time


def _split(xyxy: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low, high = np.asarray(xyxy[:2], np.float64), np.asarray(xyxy[2:], np.float64)
    return (low + high) / 2, (high - low) / 2
