"""The files for running as a service: the streams can be read, the unit and the Dockerfile pass their checkers."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from matcher.live.spec import load_streams

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_the_sample_of_streams_can_be_read() -> None:
    [stage] = load_streams(DEPLOY / "streams.toml")
    assert stage.name == "stage" and stage.publish.startswith("rtmp://")
    commented = re.sub(r"(?m)^# (?=\[\[|\w+ = )", "", (DEPLOY / "streams.toml").read_text())
    assert commented.count("[[stream]]") == 2, "the second one, too, once it is no comment any more"


def test_the_unit_is_one(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    unit = (DEPLOY / "asworn-live.service").read_text().replace("/opt/asworn/bin/asworn", sys.executable)
    (tmp_path / "asworn-live.service").write_text(unit)
    told = subprocess.run([program, "verify", str(tmp_path / "asworn-live.service")], capture_output=True, text=True)
    assert told.returncode == 0 and "asworn-live" not in told.stderr, told.stderr


def test_the_dockerfile_is_clean() -> None:
    program = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("hadolint is not installed")
    told = subprocess.run([program, str(DEPLOY / "Dockerfile")], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout
