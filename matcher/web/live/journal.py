"""A stream's messages: the newest cards, the boxes of the newest frames, and who is to be told. Always bounded."""

from __future__ import annotations

import json
import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from matcher.web.live.claims import Box
from matcher.web.live.deck import Card
from matcher.web.live.message import Message, boxes

KEPT = 90  # frames' boxes that a page may fetch later: three seconds of video


class Journal:
    """Numbers what happens. Safe to use from several threads.

    Attributes:
        epoch: names this run; a page that knows another one begins anew.
        version: grows with every change of the cards or of the stream's state.
        seq: grows with every message.
        ended: whether the stream was removed.
    """

    def __init__(self) -> None:
        """Begin with no cards."""
        self.epoch = secrets.token_hex(4)
        self.version = self.seq = 0
        self.ended = False
        self._lock = threading.Lock()
        self._told: dict[str, Any] = {}
        self._cards = Message(0, "")
        self._boxes: deque[Message] = deque(maxlen=KEPT)
        self._listeners: set[Callable[[], None]] = set()

    def cards(self, t_ms: float, told: dict[str, Any]) -> bool:
        """Say what is shown since the frame that came at a time, if it is something else than before; whether it is."""
        with self._lock:
            if told == self._told:
                return False
            self._told, self.version, self.seq = told, self.version + 1, self.seq + 1
            head = {"k": "cards", "epoch": self.epoch, "seq": self.seq, "version": self.version}
            head["t"] = round(t_ms, 1)
            self._cards = Message(self.seq, json.dumps(head | told, separators=(",", ":")), self.version)
            return True

    def boxes(self, t_ms: float, mark: int, shot: int, cards: Sequence[Card], garments: Sequence[Box] = ()) -> None:
        """Say where the cards' garments, and all others, are in a frame."""
        with self._lock:
            self.seq += 1
            self._boxes.append(boxes(self.seq, t_ms, mark, shot, cards, garments))

    def since(self, epoch: str, version: int, seq: int) -> list[Message]:
        """What a page has to be told that knows a state; boxes of before the cards that it is sent are left out."""
        with self._lock:
            known = epoch == self.epoch
            cards = [] if known and version == self.version else [self._cards]
            after = seq if known and seq else self.seq - 1
            return cards + [one for one in self._boxes if one.seq > after]

    def listen(self, told: Callable[[], None]) -> Callable[[], None]:
        """Have a function called, from any thread, whenever there is something new; returns what ends that."""
        self._listeners.add(told)
        return lambda: self._listeners.discard(told)

    def tell(self) -> None:
        """Call those who listen."""
        for told in list(self._listeners):
            told()

    def end(self) -> None:
        """Let those who listen leave."""
        self.ended = True
        self.tell()

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)
