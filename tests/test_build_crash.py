"""A build may be killed at any moment: it goes on, nothing is lost, doubled or done twice, nobody sees half of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_killed_at_twenty_points(tmp_path: Path) -> None:
    """Ten points spread over all the steps of a build, ten random ones; see the program for what is demanded."""
    command = [sys.executable, "-m", "tests.build_crash", str(tmp_path), "20", "7"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1], check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["kills"] == 20 and told["steps"] > 20
