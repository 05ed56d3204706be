"""A chat bot that answers `!fit` with what is worn now. It speaks plain IRC, as Twitch does."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import ssl
import time
from collections.abc import Callable

from matcher.errors import InputError
from matcher.web.live.chat import fit_text, harmless
from matcher.web.live.hub import Hub
from matcher.web.live.settings import ChatConfig

FIRST_S, MOST_S = 1.0, 60.0  # between two tries
SILENT_S = 360.0  # a server that says nothing for so long is gone: Twitch asks PING every five minutes
CONNECT_S = 15.0
_LONGEST = 8192  # bytes of a line; more than any server sends, tags included
_LINE = re.compile(r"(?:@\S+ +)?(?::(?P<who>\S+) +)?(?P<verb>[A-Za-z0-9]+)(?: +(?P<rest>.*))?$")
_REFUSED = re.compile(r"login|auth|password", re.IGNORECASE)
_log = logging.getLogger(__name__)


class Bot:
    """Sits in one channel, through restarts of the server.

    Attributes:
        answers: how many it gave.
    """

    def __init__(self, hub: Hub, config: ChatConfig, token: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Say where to sit.

        Args:
            hub: knows what is worn.
            config: server, channel, command.
            token: of the bot's account, with or without "oauth:"; empty = none is sent.
            clock: seconds, growing.
        """
        self._hub, self._config, self._clock = hub, config, clock
        self._token = f"oauth:{harmless(token).removeprefix('oauth:')}" if token else ""
        self._channel = "#" + config.channel.lstrip("#").lower()
        self._nick = (config.nick or config.channel.lstrip("#")).lower()
        self._answered = float("-inf")
        self.answers = 0

    async def run(self) -> None:
        """Answer until this is cancelled."""
        wait = FIRST_S
        while True:
            began = self._clock()
            try:
                await self._sit()
            except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
                _log.info("the chat at %s is gone: %s", self._config.server, error)
            wait = FIRST_S if self._clock() - began > MOST_S else min(2 * wait, MOST_S)
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))

    async def _sit(self) -> None:
        """One connection, until it ends."""
        config = self._config
        context = ssl.create_default_context() if config.tls else None
        connecting = asyncio.open_connection(config.server, config.port, ssl=context, limit=_LONGEST)
        reader, writer = await asyncio.wait_for(connecting, CONNECT_S)
        try:
            login = [f"PASS {self._token}"] if self._token else []
            login += [f"NICK {self._nick}", f"USER {self._nick} 0 * :{self._nick}"]
            await _say(writer, *login)
            while line := await asyncio.wait_for(reader.readline(), SILENT_S):
                answer = self.answer(line.decode("utf-8", "replace").rstrip("\r\n"))
                if answer:
                    await _say(writer, answer)
        finally:
            writer.close()

    def answer(self, line: str) -> str:
        """What to send for a line of the server; empty = nothing."""
        found = _LINE.match(line)
        if found is None:
            return ""
        verb, rest = found["verb"].upper(), found["rest"] or ""
        if verb == "PING":
            return f"PONG {rest}"
        if verb == "001":  # welcome: only now may a channel be joined
            return f"JOIN {self._channel}"
        if verb == "NOTICE" and _REFUSED.search(rest):
            _log.warning("the chat refuses the bot: %s; is ASWORN_CHAT_TOKEN right?", harmless(rest))
        return self._reply(rest) if verb == "PRIVMSG" else ""

    def _reply(self, rest: str) -> str:
        place, _, said = rest.partition(" ")
        words = said.strip().removeprefix(":").split()
        if place.lower() != self._channel or not words or words[0].lower() != self._config.command.lower():
            return ""
        now = self._clock()
        if now - self._answered < self._config.every_s:
            return ""
        self._answered, self.answers = now, self.answers + 1
        try:
            text = fit_text(self._hub.board(self._config.stream))
        except InputError:
            return ""
        # A line of IRC has 512 bytes with all that stands around the text; letters may have several.
        return f"PRIVMSG {self._channel} :" + text.encode()[:440].decode("utf-8", "ignore")


async def _say(writer: asyncio.StreamWriter, *lines: str) -> None:
    writer.write("".join(f"{line}\r\n" for line in lines).encode())
    await writer.drain()
