"""Kills a process at a step of its work, for the programs that test what is left after a crash."""

from __future__ import annotations

import os
import signal
import sys

STEPS = ("open", "sqlite3.connect", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.scandir", "os.chmod")


def die_at(step: int) -> None:
    """Let this process die (SIGKILL) at the step of this number from now on, 0 = the next; -1 = never."""
    left = step

    def hook(event: str, _: tuple) -> None:
        nonlocal left
        if event in STEPS:
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

    sys.addaudithook(hook)
