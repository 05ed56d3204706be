"""Peers to compare with, run by their own packages in an environment of their own.

Their packages are no dependencies of ours and are never imported here (ultralytics is under the AGPL): they are started
as programs of their own. Their weights are random: layout alone decides how long a forward pass takes, and trained
weights need a download.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from matcher.errors import BackendError

PACKAGES = ("ultralytics", "onnx", "onnxruntime", "rfdetr[onnx]", "open_clip_torch", "faiss-cpu", "av")
ADVICE = (
    f"make one with `python -m venv DIR && DIR/bin/pip install {' '.join(PACKAGES)}` and name it with --peer-env DIR"
)
PROGRAMS = Path(__file__).parent / "peers"
_EXPORT = """
import sys
from ultralytics import YOLO
model = YOLO("yolo11n-seg.yaml", task="segment")
model.export(format="onnx", imgsz=[int(side) for side in sys.argv[1:]], simplify=False, device="cpu")
"""


def peer_model(environment: Path, size: tuple[int, int], install: bool = False) -> Path:
    """The ONNX file of YOLO11n-seg for pictures of one size; made on the first call, kept in the environment.

    Args:
        environment: folder of a virtual environment that has the peer's package.
        size: (height, width) in pixels.
        install: make the environment if there is none (downloads some gigabytes).

    Raises:
        BackendError: there is no such environment, or the export failed.
    """
    target = environment / f"yolo11n-seg-{size[0]}x{size[1]}.onnx"
    if target.is_file():
        return target
    _export(python_of(environment, install), size, target)
    return target


def python_of(environment: Path, install: bool = False) -> Path:
    """The interpreter of the peers' environment.

    Args:
        environment: its folder.
        install: make it if there is none.

    Raises:
        BackendError: there is none, or it cannot be made.
    """
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.is_file():
        if not install:
            raise BackendError(f"no environment with the peer at {environment}; {ADVICE}")
        _make(environment, python)
    return python


def run_peer(environment: Path, program: str, arguments: list[str], install: bool = False) -> None:
    """Run one of the programs in `peers/` in the peers' environment.

    Args:
        environment: its folder.
        program: the file's name.
        arguments: paths and numbers.
        install: make the environment if there is none.

    Raises:
        BackendError: there is no environment, or the program failed; the message has its last line.
    """
    python = python_of(environment, install)
    with tempfile.TemporaryDirectory() as folder:
        command = [str(python), str(PROGRAMS / program), *arguments]
        _run(command, f"the peer's program {program} failed", folder=folder, **quiet(folder))


def quiet(folder: str) -> dict[str, str]:
    """Variables that keep the peers' packages from looking for updates and installing what they think is missing."""
    ultralytics = {"YOLO_AUTOINSTALL": "False", "YOLO_CONFIG_DIR": folder, "YOLO_OFFLINE": "True"}
    return {**ultralytics, "HF_HUB_OFFLINE": "1"}


def _make(environment: Path, python: Path) -> None:
    _run([sys.executable, "-m", "venv", str(environment)], "cannot make the peer's environment")
    _run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], "cannot install the peer")


def _export(python: Path, size: tuple[int, int], target: Path) -> None:
    """Run the export in an empty folder, because the package writes where it is started."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(python), "-c", _EXPORT, str(size[0]), str(size[1])]
        _run(command, "the peer's export failed", folder=folder, **quiet(folder))
        written = sorted(Path(folder).glob("*.onnx"))
        if not written:
            raise BackendError("the peer's export wrote no ONNX file")
        target.write_bytes(written[0].read_bytes())


def _run(command: list[str], problem: str, folder: str | None = None, **variables: str) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env={**environment, **variables}, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no output"]
        raise BackendError(f"{problem}: {last[0]}")
