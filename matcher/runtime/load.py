"""Backends by name, imported when they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matcher.errors import BackendError
from matcher.runtime.session import Session

BACKENDS = ("onnxruntime", "torch")
PROGRAM = ".program"  # how files for torch end


def load_session(path: Path, backend: str = "onnxruntime", device: str = "cpu", threads: int = 0) -> Session:
    """Load a model with the backend of that name.

    Args:
        path: the model's file.
        backend: one of `BACKENDS`; each reads files of its own form.
        device: where to run it; see the backend.
        threads: threads inside one operator; 0 = as many as this process may use.

    Raises:
        BackendError: the backend is unknown or not installed, or the file is for the other one; the message says what
            to do.
    """
    if backend not in BACKENDS:
        raise BackendError(f"unknown backend {backend!r}; choose one of {', '.join(BACKENDS)}")
    if path.suffix == PROGRAM and backend != "torch":
        raise BackendError(f"{path.name} is for the torch backend: say --backend torch, or choose another bundle")
    if backend == "onnxruntime":
        from matcher.runtime.onnx_session import OnnxSession

        return OnnxSession(path, device, threads)
    if path.suffix != PROGRAM:
        raise BackendError(f"torch cannot run {path.name}: make a bundle with asworn export-full, see docs/gpu.md")
    return _torch(path, device, threads)


def _torch(path: Path, device: str, threads: int) -> Session:
    try:
        from matcher.runtime.torch_session import TorchSession
    except ImportError as error:
        raise BackendError(f"the torch backend needs {error.name}: pip install 'asworn[torch]'") from error
    return TorchSession(path, device, threads)


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
