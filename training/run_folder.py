"""What a run folder says of the run itself: recipe, command, environment, state of the source code."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from matcher import __version__
from matcher.files import write_whole

RUN_FILE = "run.json"
_PACKAGES = ("torch", "torchvision", "numpy", "opencv-python-headless", "pytorch-metric-learning", "onnx")
_SOURCE = Path(__file__).resolve().parents[1]


def note_start(out: Path, recipe: Mapping[str, Any], step: int, processes: int = 1) -> None:
    """Write `out/run.json`: the recipe, and an entry for each time that the run was started or resumed.

    Args:
        out: run folder, which exists.
        recipe: plain values.
        step: where this start begins.
        processes: that train together.
    """
    path = out / RUN_FILE
    starts = _starts(path)
    starts.append(
        {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "step": step,
            "command": sys.argv,
            "processes": processes,
            "environment": environment(),
            "git": git_state(_SOURCE),
        }
    )
    write_whole(path, json.dumps({"recipe": dict(recipe), "starts": starts}, indent=2) + "\n")


def _starts(path: Path) -> list[dict[str, Any]]:
    try:
        return list(json.loads(path.read_text(encoding="utf-8"))["starts"])
    except (OSError, ValueError, KeyError, TypeError):
        return []


def environment() -> dict[str, Any]:
    """Versions and hardware that results may depend on."""
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "asworn": __version__,
        "python": platform.python_version(),
        "packages": {name: known for name in _PACKAGES if (known := _version(name))},
        "system": platform.platform(),
        "cpus": os.cpu_count(),
        "gpus": gpus,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def git_state(source: Path) -> dict[str, Any] | None:
    """Commit of a checkout, and whether files differ from it; None outside of one, or without git.

    Args:
        source: root of the checkout; a folder somewhere inside another repository does not count.
    """
    top = _git(source, "rev-parse", "--show-toplevel")
    if top is None or Path(top) != source:
        return None
    commit, changes = _git(source, "rev-parse", "HEAD"), _git(source, "status", "--porcelain")
    return None if commit is None or changes is None else {"commit": commit, "changed": bool(changes)}


def _git(source: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(source), *arguments], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
