"""Running what may hang."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def in_time(call: Callable[[], T]) -> T:
    """Run in a thread, so that a hang is a failure of the test; no thread of ours may be left."""
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(call).result(timeout=30)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        left = [thread.name for thread in threading.enumerate() if thread.name.startswith("asworn-")]
        assert not left, f"threads left: {left}"
