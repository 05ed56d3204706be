"""The WebSocket of the overlay page: cards and boxes as they happen, and the server's clock when asked."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect

from matcher.web.live.board import Board
from matcher.web.live.message import Message

MOST_PAGES = 32  # that listen to one stream
BEAT_S = 1.0  # a page that hears nothing for a few of these connects anew
_BEAT = '{"k":"beat"}'
_FULL, _LONGEST = 1013, 200


async def feed(socket: WebSocket, board: Board, epoch: str, version: int, seq: int) -> None:
    """Serve one page until it leaves.

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
    loop, fresh = asyncio.get_running_loop(), asyncio.Event()
    fresh.set()

    def told() -> None:
        with suppress(RuntimeError):  # the loop has just been closed
            loop.call_soon_threadsafe(fresh.set)

    forget = board.journal.listen(told)
    sending = asyncio.create_task(_send(socket, board, fresh, Message(seq, epoch, version)))
    try:
        await _receive(socket)
    finally:
        forget()
        sending.cancel()
        with suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
            await sending


async def _send(socket: WebSocket, board: Board, fresh: asyncio.Event, known: Message) -> None:
    """Send what is new. A page that takes it slowly is sent the newest only, since the journal keeps no more."""
    epoch, version, seq = known.text, known.version, known.seq
    while True:
        fresh.clear()
        messages = board.journal.since(epoch, version, seq)
        for message in messages:
            await socket.send_text(message.text)
            version, seq = message.version or version, max(message.seq, seq if epoch == board.journal.epoch else 0)
            epoch = board.journal.epoch
        try:
            await asyncio.wait_for(fresh.wait(), BEAT_S)
        except TimeoutError:
            await socket.send_text(_BEAT)


async def _receive(socket: WebSocket) -> None:
    """Answer questions for the time; anything else is left unanswered."""
    with suppress(WebSocketDisconnect):
        while True:
            text = await socket.receive_text()
            asked = _asked(text)
            if asked is not None:
                await socket.send_text(json.dumps({"k": "pong", "c": asked, "s": 1e3 * time.monotonic()}))


def _asked(text: str) -> float | None:
    """The page's time in a question for ours; None where it is none."""
    if len(text) > _LONGEST:
        return None
    try:
        asked = json.loads(text)
    except ValueError:
        return None
    value = asked.get("c") if isinstance(asked, dict) and asked.get("k") == "ping" else None
    return value if isinstance(value, (int, float)) and abs(value) < 1e15 else None
