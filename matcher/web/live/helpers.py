"""What runs beside the server: whoever asks OBS for its scene, and the chat bot."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

from matcher.errors import BackendError, InputError
from matcher.web.live.hub import Hub
from matcher.web.live.twitch import Bot

Task = Callable[[], Awaitable[None]]


def helpers(hub: Hub) -> list[Task]:
    """The tasks that the settings ask for; each runs until it is cancelled and survives what it speaks with.

    Raises:
        BackendError: simpleobsws is not installed.
        InputError: the chat bot's token is missing.
    """
    tasks: list[Task] = []
    if hub.config.obs.url:
        tasks.append(_obs(hub))
    if hub.config.chat.channel:
        tasks.append(_bot(hub).run)
    return tasks


def _obs(hub: Hub) -> Task:
    try:
        from matcher.web.live.obs import Scenes
    except ImportError as error:
        raise BackendError(f"OBS cannot be asked: {error}; install it: pip install 'asworn[live]'") from error

    def switch(shown: bool) -> None:
        hub.elsewhere(not shown)

    return Scenes(hub.config.obs, os.environ.get("ASWORN_OBS_PASSWORD", ""), switch).run


def _bot(hub: Hub) -> Bot:
    token = os.environ.get("ASWORN_CHAT_TOKEN", "")
    if not token and hub.config.chat.tls:
        raise InputError("the chat bot needs its token: set ASWORN_CHAT_TOKEN to oauth:... of the bot's account")
    return Bot(hub, hub.config.chat, token)
