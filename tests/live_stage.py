"""A stream without models: garments that say which product they are, on a board behind a real server."""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import numpy as np

from matcher.types import EXACT, Frame, Garments, Product
from matcher.web.live.app import live_app
from matcher.web.live.board import Board
from matcher.web.live.hub import Hub
from matcher.web.live.settings import CardConfig, OverlayConfig
from matcher.web.server import Serving
from matcher.web.token import Token

TOKEN = "t" * 20
# Quick, but not so quick that a busy machine's pauses make cards go.
QUICK = CardConfig(appear_s=0.05, appear_similar_s=0.05, change_s=0.1, linger_s=1.0, least_s=0.3, hold_s=1.5)
PRODUCTS = [
    Product(
        "w-1", "Rust <b>overshirt</b>", "tops", brand="Marlow", price=89, currency="EUR", link="https://shop.example/1"
    ),
    Product("w-2", "Indigo jeans", "pants", brand="Norr", link="javascript:alert(1)", disclosure="Ad"),
    Product("w-3", "Tote & bag", "bags", link="http://bags.example/?a=1&b=<2>", disclosure="Ad: we earn"),
]


class Actor:
    """Writes frames to a board in a thread of its own, as an engine does.

    Attributes:
        worn: rows of `PRODUCTS` that are on screen; may be changed at any time.
        moves: (milliseconds since the epoch, pixels to the right) of the newest frames.
    """

    def __init__(self, board: Board, worn: Sequence[int] = (0,), rate: float = 60) -> None:
        self.board, self.worn, self._rate = board, list(worn), rate
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)
        self.frames = 0
        self.moves: deque[tuple[float, float]] = deque(maxlen=1000)

    def __enter__(self) -> Actor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _play(self) -> None:
        image = np.random.default_rng(1).integers(0, 255, (180, 320, 3)).astype(np.uint8)
        while not self._stop.wait(1 / self._rate):
            frame = Frame(image, self.frames, Fraction(1, 60), "actor", self.frames)
            self.board.arrivals.note(frame)
            self.board.write(frame, self._garments())
            self.frames += 1

    def _garments(self) -> Garments:
        rows, shift = list(self.worn), 10 * np.sin(self.frames / 20)
        self.moves.append((1e3 * time.time(), shift))
        boxes = [(20 + 90 * i + shift, 30, 90 + 90 * i + shift, 150) for i in range(len(rows))]
        return Garments(
            np.array(boxes, np.float32).reshape(-1, 4),
            type_probs=np.full((len(rows), 11), 1 / 11, np.float32),
            track_id=np.array(rows, np.int64),
            product_row=np.array(rows, np.int64).reshape(-1, 1),
            match_score=np.ones((len(rows), 1), np.float32),
            tier=np.full(len(rows), EXACT, np.int64),
        ).with_products(PRODUCTS.__getitem__)


def make_hub(names: Sequence[str] = ("cam",), config: OverlayConfig | None = None, blocked: Path | None = None) -> Hub:
    """A hub with a board for each name; products are found by their ids too."""
    hub = Hub(config or OverlayConfig(cards=QUICK), blocked)
    for name in names:
        hub.add(name, {one.id: one for one in PRODUCTS}.get)
    return hub


@contextmanager
def serving(hub: Hub, port: int = 0) -> Iterator[Serving]:
    """A real server of the hub, known by `TOKEN`."""
    with Serving(live_app(hub, Token(TOKEN)), port=port) as server:
        yield server


class Relay:
    """A port that leads to a server, whose connections can be broken, or fall silent, while both ends go on.

    Attributes:
        flows: whether anything passes.
    """

    def __init__(self, port: int) -> None:
        self._target, self._ends, self.flows = port, set(), threading.Event()
        self.flows.set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # closing alone leaves a thread that accepts where it is
        self._accepting.join(10)
        self._listening.close()
        self.flows.set()
        self.cut()

    def cut(self) -> int:
        """Break all connections that there are now; how many."""
        ends = list(self._ends)
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        return len(ends) // 2

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near = self._listening.accept()[0]
                try:
                    far = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    near.close()
                    raise
                self._ends |= {near, far}
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._copy, args=(one, other), daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self.flows.wait()
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.discard(source)
        source.close()


def until(what: object, timeout_s: float = 20.0) -> None:
    """Wait until a function says that it is so."""
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline, f"still not so after {timeout_s:g} s"
        time.sleep(0.02)
