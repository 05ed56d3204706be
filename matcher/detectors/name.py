"""How a detector of another project is named, and the card's section that stands for it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matcher.bundle import Bundle, sha256_of
from matcher.errors import BundleError, ConfigError

# Layout -> least score and IoU of suppression that its project takes when nothing else is said.
LAYOUTS: Mapping[str, tuple[float, float]] = {"yolo": (0.25, 0.7), "rfdetr": (0.5, 0.7), "detectron2": (0.5, 0.5)}
DETECTRON2 = "detectron2"
FORMS = " or ".join(
    f"{layout}:CONFIG.yaml,FILE.pth" if layout == DETECTRON2 else f"{layout}:FILE.onnx" for layout in LAYOUTS
)
MASK_SIZE = 28
_VERSION = "1"  # raise it when the same file would find something else in a picture


@dataclass(frozen=True)
class ForeignDetector:
    """A detector by name.

    Attributes:
        layout: one of `LAYOUTS`: what the file takes and gives.
        weights: the ONNX file, or Detectron2's checkpoint.
        classes: TOML file that says which classes are which types, see `matcher.detectors.classes`; None = by name.
        config: Detectron2's settings file.
    """

    layout: str
    weights: Path
    classes: Path | None = None
    config: Path | None = None

    @classmethod
    def parse(cls, text: str, classes: str = "") -> ForeignDetector:
        """Read "LAYOUT:FILE.onnx" or "detectron2:CONFIG.yaml,FILE.pth".

        Raises:
            ConfigError: the text has another form, or a file is missing.
        """
        layout, _, weights = text.partition(":")
        config = ""
        if layout == DETECTRON2:
            config, _, weights = weights.partition(",")
        if layout not in LAYOUTS or not weights or (layout == DETECTRON2 and not config):
            raise ConfigError(f"{text!r} names no detector; write {FORMS}")
        for path in filter(None, (config, weights, classes)):
            if not Path(path).is_file():
                raise ConfigError(f"the detector {layout} needs {path}, which is no file on this machine")
        return cls(layout, Path(weights), *(Path(path) if path else None for path in (classes, config)))

    @property
    def name(self) -> str:
        """For display: the layout and the file's name."""
        return f"{self.layout}:{self.weights.name}"

    def hash(self) -> str:
        """SHA-256 that stands for what is found: of the layout and of the files' content.

        Raises:
            BundleError: a file cannot be read.
        """
        try:
            hashes = [sha256_of(path) for path in (self.weights, self.classes, self.config) if path is not None]
        except OSError as error:
            raise BundleError(f"cannot read {error.filename}: {error.strerror}") from error
        return hashlib.sha256("\n".join((_VERSION, self.layout, *hashes)).encode()).hexdigest()

    def section(self) -> dict[str, Any]:
        """What stands in a card in place of the bundle's own detector."""
        threshold, nms_iou = LAYOUTS[self.layout]
        return {
            "backend": self.layout,
            "weights": str(self.weights),
            "classes": str(self.classes) if self.classes else "",
            "config": str(self.config) if self.config else "",
            "file": self.name,
            "mask_file": self.name,
            "mask_size": MASK_SIZE,
            "score_threshold": threshold,
            "nms_iou": nms_iou,
        }


def with_detector(bundle: Bundle, text: str, classes: str = "") -> Bundle:
    """The bundle with another project's detector; its other models stay.

    Args:
        bundle: opened.
        text: as `ForeignDetector.parse` reads it; empty = the bundle as it is.
        classes: TOML file of classes; empty = by name.

    Raises:
        ConfigError: see `ForeignDetector.parse`; or there are classes and no detector.
        BundleError: a file cannot be read.
    """
    if not text:
        if classes:
            raise ConfigError(f"{classes} is for another project's detector; name that too: {FORMS}")
        return bundle
    foreign = ForeignDetector.parse(text, classes)
    return bundle.with_model("detector", foreign.name, foreign.section(), foreign.hash())
