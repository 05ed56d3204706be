"""Takes up new generations in the background, so that nobody who matches live waits for one to be loaded."""

from __future__ import annotations

import threading
from types import TracebackType

from matcher.catalog.catalog import Catalog
from matcher.errors import CatalogError


class Watch:
    """Refreshes a catalogue every few seconds in a thread of its own, for as long as it is open.

    A generation that cannot be read is passed over: the one in use stays, `problem` says why, and the next one is
    tried. Searches go on meanwhile.

    Example:
        >>> with Watch(catalog, interval_s=2.0):  # doctest: +SKIP
        ...     for frame in video:
        ...         garments = pipeline(frame)
    """

    def __init__(self, catalog: Catalog, interval_s: float = 2.0) -> None:
        """Begin at once.

        Args:
            catalog: what is refreshed.
            interval_s: time between two looks; a look reads one small file.
        """
        self.problem = ""
        self._catalog = catalog
        catalog.watched = True
        self._interval_s = interval_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="catalog-watch", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._catalog.refresh()
                self.problem = ""
            except CatalogError as error:
                self.problem = str(error)
            self._stopped.wait(self._interval_s)

    def close(self) -> None:
        """End; harmless when it has ended."""
        self._catalog.watched = False
        self._stopped.set()
        self._thread.join()

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
