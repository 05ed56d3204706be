"""A headless Chromium for benchmarks of pages."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from matcher.errors import BackendError

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def browsers() -> Iterator[Callable[[], Any]]:
    """What starts browsers, as often as it is called: a headless Chromium, driven by Playwright.

    Raises:
        BackendError: one of them is not there.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise BackendError("the browser is driven by Playwright; install it: pip install 'asworn[dev]'") from error
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        raise BackendError("Chromium is not installed; with Debian: apt-get install chromium")
    with sync_playwright() as tool:
        yield lambda: tool.chromium.launch(executable_path=program, args=["--no-sandbox"])


@contextmanager
def chromium() -> Iterator[Any]:
    """One browser, closed after the block; see `browsers`."""
    with browsers() as launch, closing(launch()) as browser:
        yield browser
