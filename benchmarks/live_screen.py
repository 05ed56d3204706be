"""The overlay page in a headless Chromium, as OBS keeps it open: looked at, loaded anew, killed and started again."""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from benchmarks.browser import browsers

SIZE = {"width": 1280, "height": 720}
_CARDS = "[...document.querySelectorAll('.card.here')].map((card) => card.dataset.id)"


class Screen:
    """One page in a browser of its own, as a context manager; the browser may be killed and started again."""

    def __init__(self, url: str) -> None:
        """Name the page; it is opened when the block begins."""
        self._url, self._driving = url, browsers()
        self._browser: Any = None
        self._page: Any = None

    def __enter__(self) -> Self:
        self._launch = self._driving.__enter__()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._browser is not None:
                self._browser.close()
        finally:
            self._driving.__exit__(kind, error, trace)

    def start(self) -> None:
        """Start the browser and open the page."""
        self._browser = self._launch()
        self._page = self._browser.new_page(viewport=SIZE)
        self._page.goto(self._url)

    def reload(self) -> None:
        """Load the page anew."""
        self._page.reload()

    def kill(self) -> None:
        """Have the browser crash, with all its processes."""
        from playwright.sync_api import Error

        browser, self._browser, self._page = self._browser, None, None
        session = browser.new_browser_cdp_session()
        with suppress(Error):  # nobody is left to answer
            session.send("Browser.crash")
        with suppress(Error):
            browser.close()

    def cards(self) -> set[str]:
        """The ids of the cards that stand on the page; none while there is no browser."""
        return set(self._page.evaluate(_CARDS)) if self._page is not None else set()
