"""ONNX Runtime backend: the default, on CPU, CUDA or TensorRT."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from matcher.errors import BackendError, BundleError

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}


DTYPES = {"tensor(uint8)": np.uint8, "tensor(float16)": np.float16, "tensor(int64)": np.int64}


class OnnxSession:
    """A model in an ONNX file, run by ONNX Runtime.

    Attributes:
        provider: what runs it.
        path: the file.
        outputs: names.
        inputs: name to shape, None for a side that is free.
        dtypes: name of an input to its type.
        metadata: what the file's maker wrote into it, unchecked.
    """

    def __init__(self, path: Path, device: str = "cpu", threads: int = 0) -> None:
        """Load a model.

        Args:
            path: the ONNX file.
            device: cpu, cuda or tensorrt. A device that is missing is an error, never a silent CPU run.
            threads: threads inside one operator; 0 = as many as this process may use.

        Raises:
            BackendError: the device's provider is not installed here.
            BundleError: the file cannot be loaded.
        """
        self.provider = _provider(device)
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or usable_cores()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Idle threads must not spin: the decoder and the other models need these cores between two calls.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(str(path), sess_options=options, providers=_chain(self.provider))
            self._session.disable_fallback()  # else a failing run is repeated on the CPU without a word
        except Exception as error:  # onnxruntime raises its own types, none of them public
            raise BundleError(f"cannot load {path}: {str(error).splitlines()[0]}") from error
        missing = set(_chain(self.provider)) - set(self._session.get_providers())
        if missing:
            raise BackendError(f"ONNX Runtime could not start {min(missing)}; run `asworn doctor` to see why")
        self.path = path
        self.outputs = [output.name for output in self._session.get_outputs()]
        self.inputs = {one.name: _shape(one.shape) for one in self._session.get_inputs()}
        self.dtypes = {one.name: DTYPES.get(one.type, np.float32) for one in self._session.get_inputs()}
        self.metadata = dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, **inputs: NDArray) -> dict[str, NDArray]:
        """Run the model; see `Session.run`."""
        return dict(zip(self.outputs, self._session.run(None, inputs), strict=True))


def usable_cores() -> int:
    """Cores that this process may use, which in a container can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _shape(sides: Sequence[int | str | None]) -> tuple[int | None, ...]:
    """A shape with None in place of the names of free sides."""
    return tuple(side if isinstance(side, int) else None for side in sides)


def _chain(provider: str) -> list[str]:
    """The provider, and for what TensorRT cannot do CUDA: else ONNX Runtime takes the CPU for it."""
    return [provider, PROVIDERS["cuda"]] if provider == PROVIDERS["tensorrt"] else [provider]


def _provider(device: str) -> str:
    name = PROVIDERS.get(device)
    if name is None:
        raise BackendError(f"unknown device {device!r}; choose one of {', '.join(PROVIDERS)}")
    if name not in ort.get_available_providers():
        raise BackendError(f"device {device} needs onnxruntime-gpu in place of onnxruntime: see docs/install.md")
    return name
