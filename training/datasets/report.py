"""What is broken in a data set: noted with file and reason, never raised."""

from __future__ import annotations

import re
import struct
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from matcher.errors import InputError, MatcherError

P = ParamSpec("P")
T = TypeVar("T")

KEPT = 100_000  # problems that are kept one by one; what comes after is counted
KINDS = 1000  # reasons that are counted apart
_NUMBERS = re.compile(r"-?\d[\d.,e+x-]*")
_LONGEST = 300  # characters of a line
# What parsing of files from anywhere raises.
DAMAGE = (MatcherError, OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
DAMAGE += (EOFError, MemoryError, NotImplementedError, struct.error, zlib.error)


class Broken(InputError):
    """A file or a label cannot be used; the message is the reason, without the file's name."""


@dataclass(frozen=True)
class Problem:
    """A file (with a line number or an item's name where that helps) and what is wrong with it."""

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


class Report:
    """Collects problems while a data set is read."""

    def __init__(self) -> None:
        """Start with none."""
        self.problems: list[Problem] = []
        self.reasons: Counter[str] = Counter()

    @property
    def count(self) -> int:
        """How many problems there were, whether they are kept or not."""
        return sum(self.reasons.values())

    def add(self, file: object, reason: object, kind: str = "") -> None:
        """Note a problem.

        Args:
            file: which file, and where in it.
            reason: in plain words; an exception gives its message.
            kind: what to count it under; the reason when empty.
        """
        text = _one_line(explain(reason) if isinstance(reason, BaseException) else str(reason))
        # Counted without numbers, so that a thousand empty boxes are one reason.
        kind = kind or _NUMBERS.sub("#", text)
        self.reasons[kind if kind in self.reasons or len(self.reasons) < KINDS else "further reasons"] += 1
        if len(self.problems) < KEPT:
            self.problems.append(Problem(_one_line(str(file)), text))

    def attempt(self, file: object, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Call a reader; what it raises on damaged data becomes a problem, and None comes back."""
        try:
            return read(*args, **kwargs)
        except DAMAGE as error:
            self.add(file, error)
            return None


def explain(error: BaseException) -> str:
    """An exception's message as a reason."""
    if isinstance(error, KeyError):
        return f"lacks {error.args[0]!r}" if error.args else "lacks a value"
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read ({error.strerror})"
    return str(error) or type(error).__name__


def _one_line(text: str) -> str:
    plain = "".join(c if c.isprintable() else " " for c in text)
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"
