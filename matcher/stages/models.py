"""What the stages that run a model share: opening it, and taking a frame or a bare picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.bundle import Bundle
from matcher.detectors.open import open_detector
from matcher.errors import BundleError
from matcher.runtime.load import load_embedder, load_session
from matcher.runtime.session import Session
from matcher.taxonomy import TYPES
from matcher.types import Frame


@dataclass(frozen=True)
class Runtime:
    """Where models run: the backend's name, its device, and threads inside one operator (0 = all cores)."""

    backend: str = "onnxruntime"
    device: str = "cpu"
    threads: int = 0

    def load(self, bundle: Bundle, model: str, key: str = "file") -> Session:
        """Load one file of a model of the bundle; `key` is the card's name for it.

        Raises:
            BundleError: the card has no such model or file, or its types are not ours.
            ConfigError: another project's model, whose file or classes do not fit.
            BackendError: the backend or the device is not installed.
        """
        section = bundle.model(model)
        if tuple(section.get("types", TYPES)) != TYPES:
            raise BundleError(f"the {model} of {bundle.folder} knows other types than this version; export it again")
        if key not in section:
            raise BundleError(f"the card of {bundle.folder} names no {key} for the {model}; export it again")
        if "backend" in section:
            if model == "detector":
                return open_detector(section, key, self.backend, self.device, self.threads)
            return load_embedder(section, self.device, self.threads)
        return load_session(bundle.path(section[key]), self.backend, self.device, self.threads)


def image_of(frame: Frame | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture (H, W, 3) uint8 BGR of a frame, or the picture itself."""
    return frame.image if isinstance(frame, Frame) else frame
