"""The counts behind the plots: screen time of every type, colour, pattern and product, over titles, dates and films."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matcher.files import write_whole
from matcher.sinks.safe import safe_cell
from matcher.trends.runs import Seen, Title

KINDS = ("type", "colour", "pattern", "cut", "attribute", "product")
PARTS = 10  # of a film
COLUMNS = ("kind", "name", "over", "at", "screen_time_s", "share", "appearances", "titles")


@dataclass(frozen=True)
class Count:
    """How much one thing is worn somewhere.

    Attributes:
        kind: one of `KINDS`.
        name: e.g. "tops", "navy", "striped", "long sleeves", or a product's.
        over: "all", "title", "period" or "part".
        at: the title's name, the period, or the tenth of the films ("1" to "10"); "" for all.
        seconds: of screen time; that of a garment of two colours counts for both.
        share: 0..1 of the screen time of all garments there.
        appearances: how many.
        titles: in how many of them.
    """

    kind: str
    name: str
    over: str
    at: str
    seconds: float
    share: float
    appearances: int
    titles: int


def counts(titles: Sequence[Title]) -> list[Count]:
    """All counts, by kind, then where, then the most worn first."""
    groups: dict[tuple[str, str], list[tuple[str, Seen]]] = defaultdict(list)
    year_only = len({title.date[:4] for title in titles if title.date}) > 2
    for title in titles:
        for seen in title.seen:
            places = [("all", ""), ("title", title.name), ("part", str(min(int(seen.place * PARTS), PARTS - 1) + 1))]
            if title.date:
                places.append(("period", title.date[:4] if year_only else title.date[:7]))
            for place in places:
                groups[place].append((str(title.folder), seen))
    found = [count for place, group in groups.items() for count in _of_group(*place, group)]
    return sorted(found, key=lambda c: (KINDS.index(c.kind), c.over, _order(c.at), -c.seconds, c.name))


def write_tables(folder: Path, titles: Sequence[Title], found: Sequence[Count]) -> None:
    """Write trends.csv (a row for each count) and trends.json (the same, and the titles).

    Raises:
        InputError: a file cannot be written.
    """
    text = io.StringIO(newline="")
    out = csv.writer(text, lineterminator="\n")
    out.writerow(COLUMNS)
    for count in found:
        numbers = f"{count.seconds:.3f}", f"{count.share:.5f}", count.appearances, count.titles
        out.writerow((count.kind, safe_cell(count.name), count.over, safe_cell(count.at), *numbers))
    write_whole(folder / "trends.csv", text.getvalue())
    record = {"titles": [_title_record(title) for title in titles], "counts": [_record(count) for count in found]}
    write_whole(folder / "trends.json", json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _of_group(over: str, at: str, group: list[tuple[str, Seen]]) -> Iterator[Count]:
    total = sum(seen.seconds for _, seen in group) or 1.0
    for kind in KINDS:
        seconds: Counter[str] = Counter()
        times: Counter[str] = Counter()
        where: dict[str, set[str]] = defaultdict(set)
        for run, seen in group:
            for name in _names(kind, seen):
                seconds[name] += seen.seconds
                times[name] += 1
                where[name].add(run)
        for name in seconds:
            share = seconds[name] / total
            yield Count(kind, name, over, at, seconds[name], share, times[name], len(where[name]))


def _names(kind: str, seen: Seen) -> tuple[str, ...]:
    several = {"colour": seen.colours, "cut": seen.cuts, "attribute": seen.attributes}
    return several[kind] if kind in several else tuple(name for name in (getattr(seen, kind),) if name)


def _order(at: str) -> tuple[int, str]:
    return (int(at), "") if at.isdigit() and len(at) < 3 else (0, at)


def _record(count: Count) -> dict[str, Any]:
    values = count.kind, count.name, count.over, count.at, round(count.seconds, 3), round(count.share, 5)
    return dict(zip(COLUMNS, (*values, count.appearances, count.titles), strict=True))


def _title_record(title: Title) -> dict[str, Any]:
    seconds = round(sum(seen.seconds for seen in title.seen), 3)
    products = len({seen.product for seen in title.seen})
    facts = {"title": title.name, "date": title.date, "length_s": round(title.length_s, 3), "run": str(title.folder)}
    return {**facts, "screen_time_s": seconds, "products": products}
