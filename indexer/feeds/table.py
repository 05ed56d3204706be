"""Tables as text: a header line and rows, separated by , ; tab or |. One bad row never costs its neighbours."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from indexer.feeds import names
from indexer.feeds.base import printable
from indexer.feeds.text import read_all
from indexer.feeds.values import BadValue
from matcher.errors import FeedError

SUFFIXES = (".csv", ".tsv", ".txt")
_SEPARATORS = ",;\t|"


@dataclass(frozen=True)
class Header:
    """The first line of a table.

    Attributes:
        columns: our names of the columns, `names.key` of theirs where we have none.
        separator: one character.
    """

    columns: tuple[str, ...]
    separator: str

    def has(self, *wanted: str) -> bool:
        """Whether all of these columns are there."""
        return set(wanted) <= set(self.columns)


PROBLEM = "(problem)"  # stands among the fields of a row that cannot be used
Fields = dict[str, list[str]]


def header_of(text: str, wanted: tuple[str, ...], columns: Mapping[str, str], plain: bool = False) -> Header:
    """The header in the first line of a text, with the separator that finds most of the wanted columns.

    Args:
        text: begins with the line.
        wanted: columns that should be there.
        columns: our name -> the feed's, as the user says it.
        plain: keep the keys of the feed's own names.
    """
    line = text[: 1 << 16].replace("\r", "\n").split("\n", 1)[0]
    found = [Header(_columns(line, separator, columns, plain), separator) for separator in _SEPARATORS]
    return max(found, key=lambda one: (len(set(wanted) & set(one.columns)), len(one.columns)))


def _columns(line: str, separator: str, columns: Mapping[str, str], plain: bool) -> tuple[str, ...]:
    try:
        theirs = next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:
        return ()
    return tuple(map(names.key, theirs)) if plain else tuple(names.ours(theirs, columns))


def check_header(header: Header, path: Path, once: frozenset[str]) -> None:
    """Refuse a header in which one of these columns is there twice.

    Raises:
        FeedError: it is.
    """
    twice = sorted({name for name in header.columns if name in once and header.columns.count(name) > 1})
    if twice:
        raise FeedError(f"{path} has more than one column for {', '.join(twice)}; keep one")


def missing_columns(header: Header, path: Path, wanted: str) -> FeedError:
    """The error for a header that lacks what is needed; `wanted` names it for people."""
    there = ", ".join(name for name in header.columns if name)[:200] or "none"
    return FeedError(
        f"{path} needs the columns {wanted} in its first line; it has: {printable(there)}."
        " Say which column is which: --column id=THEIRS"
    )


def read_rows(path: Path, header: Header, judged: frozenset[str]) -> Iterator[tuple[int, Fields | BadValue]]:
    """Line number and values of each row: lists, since several columns may have one name. Blank lines are left out.

    Args:
        path: the file.
        header: its header.
        judged: columns whose values never run over several lines.

    Raises:
        FeedError: the file cannot be read.
    """
    text = read_all(path)
    # Not splitlines(): a text may have rare characters that it takes for line ends.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, fields in _records(lines, header, judged):
        if isinstance(fields, BadValue):
            yield number, fields
        elif any(field.strip() for field in fields):
            yield number, _by_name(header, fields)


def _by_name(header: Header, fields: list[str]) -> Fields:
    found: Fields = {}
    for name, value in zip(header.columns, fields, strict=False):
        found.setdefault(name, []).append(value)
    if len(fields) > len(header.columns):
        count = len(header.columns)
        found[PROBLEM] = [f"has {len(fields)} fields, the header has {count}; quote texts with separators"]
    return found


def _records(lines: list[str], header: Header, judged: frozenset[str]) -> Iterator[tuple[int, list[str] | BadValue]]:
    """Line number and fields of each record after the header; a record that cannot be parsed gives the reason.

    A quote that is never closed would swallow the rest of the file: such a line alone is given up, and reading goes
    on with the next one.
    """
    start = 1
    while start < len(lines):
        rest = (f"{lines[i]}\n" for i in range(start, len(lines)))
        reader = csv.reader(rest, delimiter=header.separator, strict=True)
        begin = start
        try:
            for fields in reader:
                _refuse_swallowed(header, fields, judged)
                yield begin + 1, fields
                begin = start + reader.line_num
            return
        except csv.Error as error:
            yield begin + 1, BadValue(f"cannot be parsed ({error}); look for a stray or missing quote")
            start = begin + 1


def _refuse_swallowed(header: Header, fields: list[str], judged: frozenset[str]) -> None:
    """Two stray quotes, lines apart, make one field of all that is between them: better two bad rows than lost ones.

    Only columns we read are judged: a long description may well have line ends and separators.
    """
    for name, value in zip(header.columns, fields, strict=False):
        if name in judged and "\n" in value and header.separator in value:
            raise csv.Error(f"the {name} runs over several lines")
