"""What the type classifier is shown of a picture of one garment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.bundle import Bundle
from matcher.errors import ConfigError
from matcher.stages.classify import Classifier
from matcher.stages.detect import Detector
from matcher.stages.models import Runtime
from matcher.taxonomy import TYPES
from training.evaluation.retrieval_eval import best_garment
from training.evaluation.types_eval import TypeOf

VIEWS = ("whole", "pipeline", "detector")


def type_view(name: str, bundle: Bundle, runtime: Runtime) -> TypeOf:
    """A function from a picture to probabilities of the types.

    Args:
        name: "whole": the classifier alone, on the whole picture. "pipeline": detector and classifier together on the
            best garment found, as for a picture given to `asworn image`; the whole picture where none is found.
            "detector": the detector alone; a picture in which it finds nothing is a miss.
        bundle: the weights.
        runtime: where they run.

    Raises:
        ConfigError: there is no view of that name.
    """
    if name not in VIEWS:
        raise ConfigError(f"--box must be one of {', '.join(VIEWS)}, not {name!r}")
    if name == "detector":
        return _detector_alone(Detector(bundle, runtime=runtime))
    classifier = Classifier(bundle, runtime)
    if name == "whole":
        return lambda image: classifier.probs(image, _whole(image))[0]
    return _pipeline(Detector(bundle, runtime=runtime), classifier)


def _pipeline(detector: Detector, classifier: Classifier) -> TypeOf:
    def view(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        best = best_garment(detector(image))
        return classifier.probs(image, _whole(image))[0] if best is None else classifier(image, best).type_probs[0]

    return view


def _detector_alone(detector: Detector) -> TypeOf:
    def view(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        best = best_garment(detector(image))
        return np.zeros(len(TYPES), np.float32) if best is None else best.type_probs[0]

    return view


def _whole(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    height, width = image.shape[:2]
    return np.array([[0, 0, width, height]], np.float32)
