"""All streams of a server: their boards by name, and how their sources do."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from matcher.errors import InputError
from matcher.web.live.board import Board, Find
from matcher.web.live.rules import Blocklist, Links
from matcher.web.live.settings import OverlayConfig

TICK_S = 0.1
_RECENT = 300  # results whose latency counts


class Running(Protocol):
    """What runs the streams, as `matcher.live.control.Control` does; names are those of the boards."""

    def status(self) -> Mapping[str, Any]:
        """How each stream does, by name."""
        ...

    def latencies_ms(self, name: str) -> list[float]:
        """Milliseconds from coming to result, newest last."""
        ...

    def pause(self, name: str, paused: bool = True) -> None:
        """Match a stream's frames no more, or again."""
        ...

    def catalogs(self) -> list[str]:
        """The catalogues that a new stream may name."""
        ...

    def add(self, source: str, name: str = "", catalog: str = "", loop: bool = False) -> str:
        """Start another stream, whose board is there then; its name."""
        ...

    def restart(self, name: str) -> None:
        """End a stream and start it anew."""
        ...

    def remove(self, name: str) -> None:
        """End a stream and forget it."""
        ...


class Hub:
    """Makes a board for each stream and keeps them.

    Attributes:
        config: the settings.
        blocklist: what no stream shows.
        boards: by name, in the order in which they were added.
        began: when the server began, seconds since the epoch.
    """

    def __init__(self, config: OverlayConfig | None = None, blocked: Path | None = None) -> None:
        """Begin without streams.

        Args:
            config: the settings.
            blocked: file that keeps what is blocked while it runs.

        Raises:
            ConfigError: that file cannot be understood.
        """
        self.config = config or OverlayConfig()
        self.blocklist = Blocklist(self.config.block, blocked)
        self.boards: dict[str, Board] = {}
        self.began = time.time()
        self._running: Running | None = None
        self._elsewhere = False

    def add(self, source: str, find: Find = lambda product_id: None, **how: Any) -> Board:
        """The board of another stream, to be used as a sink.

        Args:
            source: what to name it after.
            find: gives the listing of a product's id.
            how: further arguments of `Board`.
        """
        config = self.config
        name = _free_name(source, self.boards)
        board = Board(name, config.cards, Links(config.links), self.blocklist, find, **how)
        board.elsewhere(self._elsewhere)
        # Another dictionary: somebody may just be going through the old one.
        self.boards = {**self.boards, name: board}
        return board

    def again(self, name: str, find: Find = lambda product_id: None) -> Board:
        """The board of a stream that is started anew: pages stay, and what is pinned or hidden. See `add`."""
        board = self.boards.get(name)
        if board is None:
            return self.add(name, find)
        board.turn_to(find)
        return board

    def board(self, name: str = "") -> Board:
        """A stream's board; the first one's where no name is given.

        Raises:
            InputError: there is none of that name.
        """
        found = self.boards.get(name) if name else next(iter(self.boards.values()), None)
        if found is None:
            names = ", ".join(self.boards) or "none yet"
            raise InputError(f"there is no stream of that name; there are: {names}")
        return found

    def watch(self, running: Running | None) -> None:
        """Say what runs the streams, so that its figures can be shown."""
        self._running = running

    def sources(self) -> list[dict[str, Any]]:
        """Figures of each stream: name, frames, dropped, rate, detections, latency_ms (p50, p95), ended and others."""
        running, status = self._running, self._running.status() if self._running is not None else {}
        known = {
            name: {**_facts(facts), "latency_ms": _quantiles(running.latencies_ms(name))}
            for name, facts in status.items()
        }
        return [{"name": name, **known.get(name, {})} for name in self.boards]

    def pause(self, name: str, paused: bool) -> None:
        """Show nothing of a stream and spend no time on it, until it is undone.

        Raises:
            InputError: there is none of that name.
        """
        board = self.board(name)
        board.pause(paused)
        if self._running is not None:
            self._running.pause(board.name, paused)

    def elsewhere(self, elsewhere: bool) -> None:
        """Show no cards, in any stream, because OBS shows a scene in which there are to be none."""
        self._elsewhere = elsewhere
        for board in self.boards.values():
            board.elsewhere(elsewhere)

    @property
    def running(self) -> Running:
        """What runs the streams.

        Raises:
            InputError: nothing does yet, or no longer.
        """
        if self._running is None:
            raise InputError("the streams do not run now; try again in a moment")
        return self._running

    def remove(self, name: str) -> None:
        """End a stream and forget it, with its board; pages that show it are told to leave.

        Raises:
            InputError: there is none of that name, or it must stay.
        """
        self.running.remove(name)
        board = self.boards.get(name)
        self.boards = {one: board for one, board in self.boards.items() if one != name}
        if board is not None:
            board.journal.end()

    def block(self, kind: str, name: str, blocked: bool) -> None:
        """Change what no stream shows; what is shown of it goes at once.

        Raises:
            InputError: kind or name cannot be, see `Blocklist.change`.
        """
        self.blocklist.change(kind, name, blocked)
        for board in self.boards.values():
            board.recheck()

    async def tick(self) -> None:
        """Let the time pass for all boards, until this is cancelled."""
        while True:
            for board in list(self.boards.values()):
                board.tick()
            await asyncio.sleep(TICK_S)


def _free_name(source: str, taken: dict[str, Board]) -> str:
    """A short name for addresses; nothing of it that may be secret, such as a stream's key."""
    plain = re.sub(r"[^\w.-]+", "-", source, flags=re.ASCII).strip("-.")[:40].lower() or "stream"
    names = [plain, *(f"{plain}-{number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)


def _facts(status: Any) -> dict[str, Any]:
    """The fields of a status; other objects of `Running` may have more of them."""
    return {key: value for key, value in asdict(status).items() if key != "latency_ms"}


def _quantiles(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    p50, p95 = np.percentile(values[-_RECENT:], (50, 95))
    return {"p50": round(float(p50), 1), "p95": round(float(p95), 1)}
