"""Peers to compare with, run by their own packages in an environment of their own.

Their packages are no dependencies of ours and are never imported here (ultralytics is under the AGPL): they are started
as programs of their own. Their weights are random: layout alone decides how long a forward pass takes, and trained
weights need a download.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from matcher.errors import BackendError

PACKAGES = ("ultralytics", "onnx", "onnxruntime", "rfdetr[onnx]", "open_clip_torch", "faiss-cpu")
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


@contextmanager
def asked(environment: Path, program: str, arguments: list[str], install: bool = False) -> Iterator[Asked]:
    """A program in `peers/` that goes on running and answers; ended at the end.

    Args:
        environment: the peers' environment.
        program: the file's name.
        arguments: paths and numbers.
        install: make the environment if there is none.

    Raises:
        BackendError: there is no environment, or the program ended before its first answer.
    """
    command = [str(python_of(environment, install)), str(PROGRAMS / program), *arguments]
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "errors").open("w+") as errors:
        variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | quiet(folder)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors}
        with subprocess.Popen(command, cwd=folder, env=variables, text=True, **pipes) as process:
            one = Asked(process, errors, program)
            try:
                one.name = one.answer()["name"]
                yield one
            finally:
                process.kill()


class Asked:
    """A peer's running program. `name` is what it calls itself."""

    def __init__(self, process: subprocess.Popen[str], errors: IO[str], program: str) -> None:
        """Take it; use `asked`."""
        self._process, self._errors, self._program = process, errors, program
        self.name = program

    def ask(self, number: int) -> dict[str, float]:
        """Milliseconds of each part on a frame.

        Raises:
            BackendError: the program ended; the message has its last line.
        """
        self._process.stdin.write(f"{number}\n")
        self._process.stdin.flush()
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """The next line that it says, which is JSON.

        Raises:
            BackendError: see `ask`.
        """
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            last = self._errors.read().strip().splitlines()[-1:] or ["no output"]
            raise BackendError(f"the peer's program {self._program} failed: {last[0]}")
        return json.loads(line)


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
