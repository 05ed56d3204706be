"""What the stages that run a model share: opening it, and taking a frame or a bare picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.bundle import Bundle
from matcher.detectors.open import open_detector
from matcher.detectors.program import ProgramDetector
from matcher.detectors.roi_masks import RoiMasks
from matcher.errors import BundleError
from matcher.runtime.load import PROGRAM, load_embedder, load_session
from matcher.runtime.session import Session
from matcher.taxonomy import TYPES
from matcher.types import Frame


@dataclass(frozen=True)
class Runtime:
    """Where and how models run.

    Attributes:
        backend: its name.
        device: of the backend.
        threads: inside one operator; 0 = all cores.
        batch: pictures of several callers that the detector may take in one run, where the backend can.
        gather_ms: how long a picture may wait for others.
    """

    backend: str = "onnxruntime"
    device: str = "cpu"
    threads: int = 0
    batch: int = 1
    gather_ms: float = 2.0

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
        if model == "detector" and str(section.get("file")).endswith(PROGRAM):
            return self._program(bundle, section, key)
        if key not in section:
            raise BundleError(f"the card of {bundle.folder} names no {key} for the {model}; export it again")
        if "backend" in section:
            if model == "detector":
                return open_detector(section, key, self.backend, self.device, self.threads)
            return load_embedder(section, self.device, self.threads)
        return load_session(bundle.path(section[key]), self.backend, self.device, self.threads)

    def _program(self, bundle: Bundle, section: dict[str, Any], key: str) -> Session:
        """A detector for torch, which makes masks itself, and of several pictures at once."""
        if key == "mask_file":
            return RoiMasks(section["mask_size"])
        session = load_session(bundle.path(section["file"]), self.backend, self.device, self.threads)
        return ProgramDetector(session, self.batch, self.gather_ms)


def image_of(frame: Frame | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture (H, W, 3) uint8 BGR of a frame, or the picture itself."""
    return frame.image if isinstance(frame, Frame) else frame
