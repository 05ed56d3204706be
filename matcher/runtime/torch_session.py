"""torch backend: programs on the CPU or on a GPU, there recorded once for each shape and played back.

Imported only when it is asked for; needs the extra [torch].
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from matcher.errors import BackendError
from matcher.runtime.program import Program, read_program

DEVICES = ("cpu", "cuda")
_MOST_RECORDED = 16  # shapes; each holds its pictures and results, and further ones are run without a recording
_WARM_UPS = 3
_RECORDING = threading.Lock()  # one recording at a time in the process


class TorchSession:
    """A program as a `Session`. All inputs and outputs have one row for each picture or crop.

    On a GPU a call is: into pinned memory, one copy each way, one replay of a CUDA graph, and one wait of the host.

    Attributes:
        provider: what runs it.
        path: the file.
        inputs: names.
        outputs: names.
    """

    def __init__(self, path: Path, device: str = "cpu", threads: int = 0) -> None:
        """Load a program.

        Args:
            path: a file of `training.programs.write`.
            device: cpu or cuda; one that is missing is an error, never a silent run on the CPU.
            threads: of torch, for all of the process; 0 = as they are.

        Raises:
            BackendError: torch does not know or find the device.
            BundleError: the file cannot be loaded.
        """
        check_device(device)
        if threads:
            torch.set_num_threads(threads)
        self._program = read_program(path, device)
        self.provider, self.path = f"torch {device}", path
        self.inputs, self.outputs = self._program.inputs, self._program.outputs
        self._lock = threading.Lock()
        self._runner = _OnGpu(self._program) if device == "cuda" else None

    def run(self, **inputs: NDArray) -> dict[str, NDArray]:
        """Run the model; see `Session.run`."""
        arrays = [np.ascontiguousarray(inputs[name]) for name in self.inputs]
        with self._lock, torch.inference_mode():
            results = self._runner(arrays) if self._runner is not None else _on_cpu(self._program, arrays)
        return dict(zip(self.outputs, results, strict=True))


def check_device(device: str) -> None:
    """Refuse a device that torch does not have here.

    Raises:
        BackendError: it has not; the message says what to do.
    """
    if device not in DEVICES:
        raise BackendError(f"torch runs on {' or '.join(DEVICES)}, not on {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise BackendError(
            "torch finds no GPU here: nvidia-smi says whether the driver does; a torch built for the CPU is replaced"
            " with pip install --force-reinstall torch torchvision; or use the device cpu"
        )


def bucket(rows: int) -> int:
    """Rows that a recording is made for: the next power of two, so that few recordings serve all counts."""
    return 1 << max(rows - 1, 0).bit_length()


def _on_cpu(program: Program, arrays: Sequence[NDArray]) -> list[NDArray]:
    return [result.numpy() for result in program(*map(torch.from_numpy, arrays))]


class _OnGpu:
    """Recordings of a program by the shapes of its inputs. For one thread at a time."""

    def __init__(self, program: Program) -> None:
        self._program, self._stream = program, torch.cuda.Stream()
        self._pool = torch.cuda.graph_pool_handle()
        self._recorded: dict[tuple[tuple[int, ...], ...], _Recording] = {}

    def __call__(self, arrays: Sequence[NDArray]) -> list[NDArray]:
        rows = len(arrays[0])
        # Recordings and copies of this model wait for nobody else's work.
        with torch.cuda.stream(self._stream):
            recording = self._recording(arrays)
            if recording is not None:
                return recording(arrays, rows)
            results = self._program(*(torch.from_numpy(array).to("cuda") for array in arrays))
            return [result.cpu().numpy() for result in results]

    def _recording(self, arrays: Sequence[NDArray]) -> _Recording | None:
        shapes = tuple((bucket(len(array)), *array.shape[1:]) for array in arrays)
        if shapes not in self._recorded:
            if len(self._recorded) >= _MOST_RECORDED:
                return None
            self._recorded[shapes] = _Recording(self._program, shapes, arrays, self._stream, self._pool)
        return self._recorded[shapes]


class _Recording:
    """A CUDA graph of a program for inputs of certain shapes, with the memory that it reads and writes."""

    def __init__(
        self,
        program: Program,
        shapes: Sequence[tuple[int, ...]],
        arrays: Sequence[NDArray],
        stream: torch.cuda.Stream,
        pool: tuple[int, int],
    ) -> None:
        kinds = [torch.from_numpy(array).dtype for array in arrays]
        pairs = list(zip(shapes, kinds, strict=True))
        self._here = [torch.zeros(shape, dtype=kind, pin_memory=True) for shape, kind in pairs]
        self._there = [torch.zeros(shape, dtype=kind, device="cuda") for shape, kind in pairs]
        self._stream, self._graph = stream, torch.cuda.CUDAGraph()
        with _RECORDING, torch.backends.cudnn.flags(enabled=True, benchmark=True):
            for _ in range(_WARM_UPS):  # chooses algorithms, and fills caches, which a recording cannot
                program(*self._there)
            stream.synchronize()
            # Other threads may go on using the GPU meanwhile.
            with torch.cuda.graph(self._graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
                self._results: tuple[Tensor, ...] = program(*self._there)
        self._back = [torch.empty(r.shape, dtype=r.dtype, pin_memory=True) for r in self._results]

    def __call__(self, arrays: Sequence[NDArray], rows: int) -> list[NDArray]:
        for array, here, there in zip(arrays, self._here, self._there, strict=True):
            here.numpy()[:rows] = array  # rows beyond these keep old pictures: what comes of them is left out
            there.copy_(here, non_blocking=True)
        self._graph.replay()
        for result, back in zip(self._results, self._back, strict=True):
            back.copy_(result, non_blocking=True)
        self._stream.synchronize()
        return [back.numpy()[:rows].copy() for back in self._back]
