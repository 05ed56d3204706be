"""Opening a detector of another project from its section of a card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matcher.detectors.classes import Classes, parse_names
from matcher.detectors.name import DETECTRON2
from matcher.detectors.rfdetr import RfdetrSession
from matcher.detectors.roi_masks import RoiMasks
from matcher.detectors.windows import WindowMasks
from matcher.detectors.yolo import YoloSession
from matcher.errors import BackendError
from matcher.runtime.onnx_session import OnnxSession
from matcher.runtime.session import Session

_SESSIONS = {"yolo": YoloSession, "rfdetr": RfdetrSession}


def open_detector(
    section: dict[str, Any], key: str, backend: str = "onnxruntime", device: str = "cpu", threads: int = 0
) -> Session:
    """Open the network of a detector, or what makes masks of its answers.

    Args:
        section: of the card, see `ForeignDetector.section`.
        key: file or mask_file.
        backend: of the settings.
        device: cpu, cuda or tensorrt.
        threads: inside one operator; 0 = as many as this process may use.

    Raises:
        ConfigError: the file has another layout, or its classes are not mapped to types.
        BundleError: the file cannot be loaded.
        BackendError: the backend or the device is not there.
    """
    mapping = Path(section["classes"]) if section["classes"] else None
    if section["backend"] == DETECTRON2:
        return _open_detectron2(section, key, mapping, device)
    if key == "mask_file":
        return WindowMasks(section["mask_size"])
    if backend != "onnxruntime":
        raise BackendError(f"detectors of other projects run on onnxruntime, not on {backend}; set backend to that")
    session = OnnxSession(Path(section["weights"]), device, threads)
    classes = Classes.of(parse_names(session.metadata.get("names", "")), mapping)
    return _SESSIONS[section["backend"]](session, classes, section["nms_iou"])


def _open_detectron2(section: dict[str, Any], key: str, mapping: Path | None, device: str) -> Session:
    if key == "mask_file":
        return RoiMasks(section["mask_size"])
    # Imports torch, which only those need who ask for this detector.
    from matcher.detectors.detectron2 import Detectron2Session

    return Detectron2Session(Path(section["config"]), Path(section["weights"]), mapping, device)
