"""An ONNX file of YOLO11n-seg to time against, made by its own package in an environment of its own.

The package (ultralytics) is under the AGPL: it is no dependency of ours and is never imported here. It is started as
a program of its own, writes an ONNX file with random weights (its layout alone decides how long a forward pass takes,
and its trained weights need a download), and only that file is run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from matcher.errors import BackendError

PACKAGES = ("ultralytics", "onnx")
ADVICE = "make one with `python -m venv DIR && DIR/bin/pip install ultralytics onnx` and name it with --peer-env DIR"
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
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    target = environment / f"yolo11n-seg-{size[0]}x{size[1]}.onnx"
    if target.is_file():
        return target
    if not python.is_file():
        if not install:
            raise BackendError(f"no environment with the peer at {environment}; {ADVICE}")
        _make(environment, python)
    _export(python, size, target)
    return target


def _make(environment: Path, python: Path) -> None:
    _run([sys.executable, "-m", "venv", str(environment)], "cannot make the peer's environment")
    _run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], "cannot install the peer")


def _export(python: Path, size: tuple[int, int], target: Path) -> None:
    """Run the export in an empty folder, because the package writes where it is started."""
    with tempfile.TemporaryDirectory() as folder:
        # Its package would otherwise look for updates and install what it thinks is missing.
        quiet = {"YOLO_AUTOINSTALL": "False", "YOLO_CONFIG_DIR": folder, "YOLO_OFFLINE": "True"}
        command = [str(python), "-c", _EXPORT, str(size[0]), str(size[1])]
        _run(command, "the peer's export failed", folder=folder, **quiet)
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
