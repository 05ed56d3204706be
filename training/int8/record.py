"""What the networks of a bundle are given when pictures are looked at: the inputs that ranges are read from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from matcher.bundle import Bundle
from matcher.runtime.session import Session
from matcher.stages.classify import Classifier
from matcher.stages.detect import Detector
from matcher.stages.embed import Embedder
from matcher.stages.models import Runtime
from training.int8.bundle import FILES, Feed

_NAMES = {place: name for name, place in FILES.items()}


class _Recorded:
    """A session that keeps what it is given."""

    def __init__(self, session: Session, kept: list[Feed]) -> None:
        self._session, self._kept, self.provider = session, kept, session.provider

    def run(self, **inputs: NDArray) -> dict[str, NDArray]:
        self._kept.append({name: np.array(value) for name, value in inputs.items()})
        return self._session.run(**inputs)


@dataclass(frozen=True)
class RecordingRuntime(Runtime):
    """A runtime whose sessions keep their inputs in `feeds`, by the names of `FILES`."""

    feeds: dict[str, list[Feed]] = field(default_factory=lambda: defaultdict(list), compare=False)

    def load(self, bundle: Bundle, model: str, key: str = "file") -> Session:
        """See `Runtime.load`."""
        return _Recorded(super().load(bundle, model, key), self.feeds[_NAMES[model, key]])


def record(bundle: Bundle, images: Iterable[NDArray[np.uint8]], threads: int = 0) -> dict[str, list[Feed]]:
    """Look at pictures (H, W, 3) uint8 BGR as the matcher does, and return what each of `FILES` was given."""
    runtime = RecordingRuntime(threads=threads)
    detector, classifier = Detector(bundle, runtime=runtime), Classifier(bundle, runtime)
    embedder = Embedder(bundle, runtime)
    for image in images:
        found = detector(image)
        if len(found):
            classifier.probs(image, found.xyxy)
            embedder(image, found)
    return {name: feeds for name, feeds in runtime.feeds.items() if feeds}
