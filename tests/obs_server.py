"""A small server of obs-websocket's protocol, version 5, as OBS is one: greeting, authentication, scenes and events."""

from __future__ import annotations

import base64
import hashlib
import threading
from typing import Any

import msgpack
from websockets.sync.server import Server, ServerConnection, serve

HELLO, IDENTIFY, IDENTIFIED, EVENT, REQUEST, RESPONSE = 0, 1, 2, 5, 6, 7
SCENES = 1 << 2
REFUSED = 4009  # the close code for a wrong password
SALT, CHALLENGE = "some salt", "some challenge"


class Obs:
    """Serves until it is closed, as a context manager.

    Attributes:
        port: where.
        asked: kinds of the requests that came.
        refused: how often a password was wrong.
    """

    def __init__(self, password: str = "", port: int = 0) -> None:
        self._password, self._scene = password, "Start"
        self._clients: list[tuple[ServerConnection, int]] = []
        self.asked: list[str] = []
        self.refused = 0
        self._server: Server = serve(self._talk, "127.0.0.1", port, subprotocols=["obswebsocket.msgpack"])
        self.port = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Obs:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        for client, _subscriptions in self._clients:
            client.close()
        self._thread.join()

    def show(self, scene: str) -> None:
        """Switch to a scene and tell those who asked for such events."""
        self._scene = scene
        told = {"eventType": "CurrentProgramSceneChanged", "eventIntent": SCENES, "eventData": {"sceneName": scene}}
        for client, subscriptions in self._clients:
            if subscriptions & SCENES:
                _send(client, EVENT, told)

    def _talk(self, client: ServerConnection) -> None:
        hello: dict[str, Any] = {"obsWebSocketVersion": "5.5.0", "rpcVersion": 1}
        if self._password:
            hello["authentication"] = {"challenge": CHALLENGE, "salt": SALT}
        _send(client, HELLO, hello)
        identify = msgpack.unpackb(client.recv())
        assert identify["op"] == IDENTIFY and identify["d"]["rpcVersion"] == 1
        if self._password and identify["d"].get("authentication") != _proof(self._password):
            self.refused += 1
            client.close(REFUSED, "Authentication failed.")
            return
        _send(client, IDENTIFIED, {"negotiatedRpcVersion": 1})
        self._clients.append((client, identify["d"].get("eventSubscriptions", 0)))
        for message in client:
            self._answer(client, msgpack.unpackb(message)["d"])

    def _answer(self, client: ServerConnection, request: dict[str, Any]) -> None:
        self.asked.append(request["requestType"])
        known = request["requestType"] == "GetCurrentProgramScene"
        status = {"result": known, "code": 100 if known else 204}
        about = {"requestType": request["requestType"], "requestId": request["requestId"], "requestStatus": status}
        data = {"sceneName": self._scene, "currentProgramSceneName": self._scene}
        _send(client, RESPONSE, about | ({"responseData": data} if known else {}))


def _send(client: ServerConnection, op: int, data: dict[str, Any]) -> None:
    client.send(msgpack.packb({"op": op, "d": data}))


def _proof(password: str) -> str:
    """What the protocol wants of who knows the password."""
    secret = base64.b64encode(hashlib.sha256((password + SALT).encode()).digest())
    return base64.b64encode(hashlib.sha256(secret + CHALLENGE.encode()).digest()).decode()
