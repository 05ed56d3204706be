"""Streams added, removed and started again while others run, by people who reach the server: what they may name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from matcher.engine.live import Status
from matcher.errors import InputError
from matcher.fetch.addresses import Refused, Resolver, checked, resolve
from matcher.live.session import Session
from matcher.live.spec import StreamSpec
from matcher.video.container import check_source, is_url, source_name

MOST = 16  # streams at a time
# Exactly what a host may look like, so that FFmpeg cannot read another one out of the address than we do.
_PLACE = re.compile(r"(?:[^@\s\\]*@)?(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?")
_PORT = 80  # only to ask for the name


class Control:
    """A session as its server changes it.

    Whoever has the server's token may add streams; this machine's files and cameras, and what only it can reach, are
    theirs only where whoever started the server said so.
    """

    def __init__(
        self,
        session: Session,
        catalogs: Iterable[Path] = (),
        paths: bool = False,
        private: bool = False,
        resolver: Resolver = resolve,
    ) -> None:
        """Look at a session that runs.

        Args:
            session: is changed.
            catalogs: folders that any new stream may name, by their last parts.
            paths: whether it may name files and cameras, and catalogues by path.
            private: whether it may name addresses that are not of the public internet.
            resolver: gives the addresses of a host.
        """
        self._session, self._paths, self._private, self._resolver = session, paths, private, resolver
        self._catalogs = _by_name(catalogs)

    def status(self) -> dict[str, Status]:
        """How each stream does, by name."""
        return self._session.status()

    def latencies_ms(self, name: str) -> list[float]:
        """Milliseconds from coming to result of a stream's newest frames, in order."""
        return self._session.latencies_ms(name)

    def pause(self, name: str, paused: bool = True) -> None:
        """Match a stream's frames no more, or again.

        Raises:
            InputError: there is none of that name, or it could not be started.
        """
        self._session.pause(name, paused)

    def catalogs(self) -> list[str]:
        """The catalogues that a new stream may name."""
        return list(self._catalogs)

    def add(self, source: str, name: str = "", catalog: str = "", loop: bool = False) -> str:
        """Start another stream.

        Args:
            source: an address; with leave, a path or a camera too.
            name: for addresses; made of the source where it is empty.
            catalog: one of `catalogs`, or with leave a path; empty = that of the command.
            loop: whether a recording is played again and again.

        Returns:
            Its name.

        Raises:
            InputError: that may not be named, cannot be opened, or there are too many streams.
            CatalogError: the catalogue is damaged, or of another embedder.
        """
        if len(self._session.specs) >= MOST:
            raise InputError(f"there are {MOST} streams already; remove one first")
        self._check(source)
        return self._session.add(StreamSpec(source, name, self._catalog(catalog), loop=loop)).name

    def restart(self, name: str) -> None:
        """End a stream and start it anew.

        Raises:
            InputError: there is none of that name, or it publishes to a file.
            MatcherError: it can no longer be started.
        """
        self._session.restart(name)

    def remove(self, name: str) -> None:
        """End a stream and forget it.

        Raises:
            InputError: there is none of that name, or no other one.
        """
        if list(self._session.specs) == [name]:
            raise InputError(f"{name} is the only stream; add another one first, or end the program")
        self._session.remove(name)

    def _catalog(self, name: str) -> str:
        if not name or name in self._catalogs:
            return str(self._catalogs.get(name, ""))
        if self._paths:
            return name
        names = ", ".join(self._catalogs) or "none"
        raise InputError(f"no catalogue is called {name!r}; there are: {names}; --allow-paths allows others")

    def _check(self, source: str) -> None:
        """Refuse what the command line would, and what may not be reached from here; FFmpeg sees it only then."""
        if not is_url(source):
            if not self._paths:
                raise InputError("name an address, such as rtmp://host/name; --allow-paths allows files and cameras")
            check_source(source)
            return
        check_source(source)
        if not self._private:
            _check_public(source, self._resolver)


def _check_public(source: str, resolver: Resolver) -> None:
    try:
        parts = urlsplit(source)
        port = parts.port or _PORT
    except ValueError:
        parts = None
    if parts is None or not _PLACE.fullmatch(parts.netloc) or re.search(r"[\s\\\x00-\x1f]", source):
        raise InputError(f"{source_name(source)[:100]!r} is no address that can be checked")
    query = parse_qs(parts.query, keep_blank_values=True)
    if "listen" in query or query.get("mode", ["caller"]) != ["caller"]:
        raise InputError("this machine is not to listen for it; --allow-private allows it")
    try:
        checked(parts.hostname or "", port, resolver)
    except Refused as error:
        raise InputError(str(error)) from error
    except OSError as error:
        raise InputError(f"the host {parts.hostname} is not known; check the address") from error


def _by_name(folders: Iterable[Path]) -> dict[str, Path]:
    """Folders by their last parts; of two that are called alike the first one."""
    return {path.name: path for path in reversed([path.resolve() for path in folders])}
