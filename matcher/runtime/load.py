"""Backends by name, imported when they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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


def load_embedder(section: dict[str, Any], device: str = "cpu", threads: int = 0) -> Session:
    """Load an embedder of another project, see `matcher.foreign`.

    Args:
        section: the card's, with backend, model and weights.
        device: cpu or cuda.
        threads: of torch; 0 = as they are.

    Raises:
        BackendError: its library is not installed.
        ConfigError: the library has no such model.
        BundleError: the weights do not fit.
    """
    try:
        from matcher.runtime.torch_embedder import load_foreign

        return load_foreign(section, device, threads)
    except ImportError as error:
        if isinstance(error, BackendError):
            raise
        name = f"{section['backend']}:{section['model']}"
        raise BackendError(f"{name} needs {error.name}, which is not installed: pip install 'asworn[clip]'") from error
