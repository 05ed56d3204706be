"""Asks OBS which scene it shows, by its WebSocket server (protocol version 5)."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import simpleobsws
from websockets.exceptions import WebSocketException

from matcher.web.live.settings import ObsConfig

SCENES = 1 << 2  # the kind of events that tell of scenes
FIRST_S, MOST_S = 1.0, 30.0  # between two tries
ASK_S = 5.0  # how often to see that OBS still answers
_log = logging.getLogger(__name__)


class Scenes:
    """Follows OBS's scene, through its restarts. Where OBS cannot be asked cards are shown.

    Attributes:
        scene: the one shown; empty while that is unknown.
    """

    def __init__(self, config: ObsConfig, password: str, switch: Callable[[bool], None]) -> None:
        """Say whom to ask.

        Args:
            config: the address, and the scenes.
            password: of OBS's WebSocket server; empty = it has none.
            switch: told whether cards are to be shown.
        """
        self._config, self._password, self._switch = config, password, switch
        self.scene = ""

    async def run(self) -> None:
        """Ask until this is cancelled."""
        wait = FIRST_S
        while True:
            try:
                async for _ in self._connected():
                    wait = FIRST_S
            except (OSError, WebSocketException, simpleobsws.MessageTimeout, simpleobsws.NotIdentifiedError) as error:
                _log.info("OBS does not answer at %s: %s", self._config.url, error)
            self._see("")
            # With jitter, so that several of us do not ask at the same moment.
            await asyncio.sleep(wait * random.uniform(0.8, 1.2))
            wait = min(2 * wait, MOST_S)

    def shows(self, scene: str) -> bool:
        """Whether cards are to be shown in a scene."""
        config = self._config
        return not scene or (scene not in config.not_scenes and (not config.scenes or scene in config.scenes))

    async def _connected(self) -> Any:
        """One connection; gives each answer of OBS."""
        parameters = simpleobsws.IdentificationParameters(eventSubscriptions=SCENES)
        client = simpleobsws.WebSocketClient(self._config.url, self._password, parameters)
        client.register_event_callback(self._changed, "CurrentProgramSceneChanged")
        try:
            await client.connect()
            if not await client.wait_until_identified(ASK_S):
                raise TimeoutError("it refuses us; is ASWORN_OBS_PASSWORD right?")
            while True:
                answer = await client.call(simpleobsws.Request("GetCurrentProgramScene"), ASK_S)
                if not answer.ok():
                    raise OSError(f"it does not name its scene: {answer.requestStatus.comment}")
                yield self._see(_name(answer.responseData))
                await asyncio.sleep(ASK_S)
        finally:
            with suppress(OSError, WebSocketException, AttributeError):
                await client.disconnect()

    async def _changed(self, event: dict[str, Any]) -> None:
        self._see(_name(event))

    def _see(self, scene: str) -> None:
        self.scene = scene
        self._switch(self.shows(scene))


def _name(data: Any) -> str:
    """The scene's name in an answer or event: `sceneName`, or as older versions of the protocol call it."""
    found = data.get("sceneName") or data.get("currentProgramSceneName") if isinstance(data, dict) else ""
    return found if isinstance(found, str) else ""
