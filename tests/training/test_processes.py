"""A training that is killed leaves no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.live_stage import until

PROGRAM = """
import multiprocessing, os, pathlib, sys, time
sys.path.insert(0, sys.argv[2])
from training.processes import end_with_parent

def work(path):
    end_with_parent()
    part = pathlib.Path(path + ".part")
    part.write_text(str(os.getpid()))
    part.rename(path)
    time.sleep(60)

if __name__ == "__main__":
    child = multiprocessing.get_context("spawn").Process(target=work, args=(sys.argv[1],))
    child.start()
    child.join()
"""
ROOT = Path(__file__).parents[2]


def is_there(process: int) -> bool:
    """A process that has ended but is still listed does not count."""
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see other processes")
def test_processes_end_when_the_one_that_started_them_is_killed(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    noted = tmp_path / "pid"
    parent = subprocess.Popen([sys.executable, tmp_path / "program.py", noted, ROOT])
    try:
        until(noted.exists)
        child = int(noted.read_text())
        assert is_there(child)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        try:
            until(lambda: not is_there(child))
        finally:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
    finally:
        parent.kill()


def test_nothing_happens_in_a_process_of_its_own() -> None:
    program = "from training.processes import end_with_parent; end_with_parent(); print('goes on')"
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "goes on"
