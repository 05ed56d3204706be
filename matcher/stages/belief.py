"""What type a tracked garment is, from all frames so far, so that types do not flicker."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.stages.classify import FLOOR, softmax

DETECTIONS = 30.0  # after so much weight old frames begin to fade
CLASSIFICATIONS = 6.0


class TypeBelief:
    """Running means of log-probabilities: one of the detector's, one of the classifier's, joined by a weight."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._detector = _RunningMean(DETECTIONS)
        self._classifier = _RunningMean(CLASSIFICATIONS)
        self._share = 0.0

    def detected(self, probs: NDArray[np.float32], score: float) -> None:
        """Take the detector's (T,) probabilities of one frame, weighted by its score."""
        self._detector.add(probs, score)

    def classified(self, probs: NDArray[np.float32], quality: float, share: float) -> None:
        """Take the classifier's (T,) probabilities of one view; `share` 0..1 is its say against the detector."""
        self._classifier.add(probs, quality)
        self._share = share

    @property
    def probs(self) -> NDArray[np.float32]:
        """(T,) float32, sums to 1."""
        log = (1 - self._share) * self._detector.mean
        if self._share:
            log = log + self._share * self._classifier.mean
        return softmax(log[None])[0]


class _RunningMean:
    def __init__(self, cap: float) -> None:
        self._cap, self._weight, self.mean = cap, 0.0, np.zeros(1, np.float32)

    def add(self, probs: NDArray[np.float32], weight: float) -> None:
        weight = max(weight, 1e-3)
        self._weight = min(self._weight + weight, self._cap)
        self.mean = self.mean + (np.log(np.maximum(probs, FLOOR)) - self.mean) * (weight / self._weight)
