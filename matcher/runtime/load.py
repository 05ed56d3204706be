"""Backends by name, imported when they are asked for."""

from __future__ import annotations

from pathlib import Path

from matcher.errors import BackendError
from matcher.runtime.session import Session

BACKENDS = ("onnxruntime",)


def load_session(path: Path, backend: str = "onnxruntime", device: str = "cpu", threads: int = 0) -> Session:
    """Load a model with the backend of that name.

    Args:
        path: the model's file.
        backend: one of `BACKENDS`.
        device: where to run it; see the backend.
        threads: threads inside one operator; 0 = as many as this process may use.

    Raises:
        BackendError: the backend is unknown or not installed; the message says what to install.
    """
    if backend == "onnxruntime":
        from matcher.runtime.onnx_session import OnnxSession

        return OnnxSession(path, device, threads)
    raise BackendError(f"unknown backend {backend!r}; choose one of {', '.join(BACKENDS)}")
