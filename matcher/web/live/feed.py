"""The WebSocket of the overlay page: cards and boxes as they happen, and the server's clock when asked."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from matcher.web.live.board import Board

MOST_PAGES = 32  # that listen to one stream
BEAT_S = 0.5  # a page that hears nothing for three of these shows no cards
_BEAT = '{"k":"beat"}'
_FULL, _GONE, _LONGEST = 1013, 1008, 200


async def feed(socket: WebSocket, board: Board, epoch: str, version: int, seq: int) -> None:
    """Serve one page until it leaves, or the stream is removed.

    Args:
        socket: not accepted yet.
        board: the stream's.
        epoch: of the state that the page knows; empty = none.
        version: of that state.
        seq: of that state.
    """
    await socket.accept()
    if board.journal.listeners >= MOST_PAGES:
        await socket.close(_FULL, "too many pages show this stream")
        return
    page = _Page(socket, board, epoch, version, seq)
    forget = board.journal.listen(page.told)
    sending = asyncio.create_task(page.send())
    try:
        await page.receive()
    finally:
        forget()
        sending.cancel()
        with suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
            await sending


class _Page:
    """One page, and what it knows. Whatever it is sent says that the cards which it knows by then are right."""

    def __init__(self, socket: WebSocket, board: Board, epoch: str, version: int, seq: int) -> None:
        self._socket, self._board = socket, board
        self._epoch, self._version, self._seq = epoch, version, seq
        self._loop, self._fresh = asyncio.get_running_loop(), asyncio.Event()

    def told(self) -> None:
        """There is something new; called from any thread."""
        with suppress(RuntimeError):  # the loop has just been closed
            self._loop.call_soon_threadsafe(self._fresh.set)

    async def send(self) -> None:
        """Send what is new. A page that takes it slowly is sent the newest only, since the journal keeps no more."""
        silent = True
        while not self._board.journal.ended:
            self._fresh.clear()
            if not await self._news() and silent:
                await self._socket.send_text(_BEAT)
            silent = await self._wait()
        await self._socket.close(_GONE, "this stream was removed")

    async def receive(self) -> None:
        """Answer questions for the time and for the cards; anything else is left unanswered."""
        with suppress(WebSocketDisconnect):
            while True:
                asked = _asked(await self._socket.receive_text())
                if asked.get("k") == "again":
                    self._epoch, self._version, self._seq = "", 0, 0
                    self._fresh.set()
                elif asked.get("k") == "ping" and _is_time(asked.get("c")):
                    now = 1e3 * time.monotonic()
                    await self._socket.send_text(json.dumps({"k": "pong", "c": asked["c"], "s": now}))

    async def _news(self) -> bool:
        """Send what the page does not know; whether there was any."""
        messages = self._board.journal.since(self._epoch, self._version, self._seq)
        epoch, known = self._board.journal.epoch, self._epoch
        for message in messages:
            await self._socket.send_text(message.text)
        if messages and self._epoch == known:  # else the page has asked for all of it meanwhile
            last = max(message.seq for message in messages)
            self._version = max((message.version for message in messages), default=0) or self._version
            self._seq, self._epoch = max(last, self._seq if known == epoch else 0), epoch
        return bool(messages)

    async def _wait(self) -> bool:
        """Wait for something new; whether nothing came for so long that the page must hear that we are there."""
        try:
            await asyncio.wait_for(self._fresh.wait(), BEAT_S)
        except TimeoutError:
            self._board.tick()  # so that no card is confirmed whose time is over
            return True
        return False


def _asked(text: str) -> dict[str, Any]:
    """What a page asks; empty where that is nothing."""
    if len(text) > _LONGEST:
        return {}
    try:
        asked = json.loads(text)
    except ValueError:
        return {}
    return asked if isinstance(asked, dict) else {}


def _is_time(value: Any) -> bool:
    return isinstance(value, (int, float)) and abs(value) < 1e15
