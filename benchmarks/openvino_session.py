"""The bundle's ONNX files run by OpenVINO, to be compared with."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from numpy.typing import NDArray

from matcher.bundle import Bundle
from matcher.runtime.session import Session
from matcher.stages.models import Runtime

PRECISIONS = {"fp32": "f32", "bf16": "bf16"}


def is_there() -> bool:
    """Whether OpenVINO is installed."""
    return importlib.util.find_spec("openvino") is not None


class OpenVinoSession:
    """A `Session` of OpenVINO; for one thread at a time."""

    provider = "OpenVINO CPU"

    def __init__(self, path: Path, threads: int, precision: str) -> None:
        """Read and compile an ONNX file; `precision` as in `PRECISIONS`."""
        import openvino

        core = openvino.Core()
        hints = {"INFERENCE_PRECISION_HINT": PRECISIONS[precision], "PERFORMANCE_HINT": "LATENCY"}
        if threads:
            hints["INFERENCE_NUM_THREADS"] = threads
        compiled = core.compile_model(core.read_model(path), "CPU", hints)
        self._outputs = [output.any_name for output in compiled.outputs]
        self._request = compiled.create_infer_request()

    def run(self, **inputs: NDArray) -> dict[str, NDArray]:
        """See `Session.run`."""
        found = self._request.infer(inputs)
        return {name: found[name].copy() for name in self._outputs}


@dataclass(frozen=True)
class OpenVinoRuntime(Runtime):
    """Loads a bundle's files with OpenVINO.

    Attributes:
        precision: of `PRECISIONS`.
    """

    precision: str = "fp32"

    def can(self) -> bool:
        """Whether this processor has instructions for the precision; else OpenVINO would take another, silently."""
        import openvino

        offered = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return self.precision == "fp32" or self.precision.upper() in offered

    def load(self, bundle: Bundle, model: str, key: str = "file") -> Session:
        """See `Runtime.load`."""
        return OpenVinoSession(bundle.path(bundle.model(model)[key]), self.threads, self.precision)
