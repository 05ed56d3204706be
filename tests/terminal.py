"""The command as somebody runs it in a terminal, where Ctrl-C reaches it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Tests that run in the background ignore SIGINT, and what they start does too. It is set right in the new program: code
# between fork and exec is not safe in a process with threads.
_PROGRAM = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("matcher", run_name="__main__", alter_sys=True)
"""


@contextmanager
def running(*args: str) -> Iterator[subprocess.Popen[str]]:
    """`asworn` with some arguments; it is ended with the block if it has not ended by itself."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", _PROGRAM, *args], **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def ctrl_c(process: subprocess.Popen[str], once: Callable[[], object], within_s: float = 60) -> tuple[str, str]:
    """Press Ctrl-C as soon as something holds, and wait for the end: what was written to stdout and stderr."""
    deadline = time.monotonic() + within_s
    while not once():
        ended = process.poll()
        assert ended is None, f"it ended with {ended}: {process.communicate()}"
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=within_s)
