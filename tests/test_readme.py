"""The README's code is run as written, and its commands exist."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_there_is_one_example() -> None:
    assert len(blocks("python")) == 1


def test_python_example_runs(demo_run: Path, tmp_path: Path) -> None:
    shutil.copytree(demo_run, tmp_path / "demo")
    result = subprocess.run([sys.executable, "-c", blocks("python")[0]], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert re.search(r"\d+\.\d\d s", result.stdout), "the example found no garment"


@pytest.mark.parametrize("name", sorted(set(re.findall(r"asworn ([a-z]+)", README))))
def test_commands_exist(name: str) -> None:
    script = "from matcher.cli.main import main; raise SystemExit(main())"
    result = subprocess.run([sys.executable, "-c", script, name, "--help"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
