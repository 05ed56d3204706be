"""Finished runs as the titles of a library: what was seen in each, and when it came out."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from matcher.attributes.cut import LENGTHS, SLEEVES
from matcher.errors import InputError
from matcher.exports.replay import read_record

MARK = "run.json"
_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)(?:[-_.](0[1-9]|1[0-2])(?:[-_.](0[1-9]|[12]\d|3[01]))?)?(?!\d)")


@dataclass(frozen=True)
class Seen:
    """One appearance of a product, as sightings.csv has it.

    Attributes:
        product: what to call it.
        type: of garment.
        colours: names, the most of it first.
        pattern: its name, "" where it is not known.
        cuts: words for sleeves and length, such as "long sleeves" and "short pants".
        seconds: of screen time.
        place: 0..1, where in the film its middle lies.
        attributes: what the detector said of it, where its bundle has attributes.
    """

    product: str
    type: str
    colours: tuple[str, ...]
    pattern: str
    cuts: tuple[str, ...]
    seconds: float
    place: float
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Title:
    """One film.

    Attributes:
        name: of the film.
        date: "2024-05-01", "2024-05", "2024", or "" where nothing says it.
        folder: of the run.
        length_s: of the part that was matched.
        seen: the appearances.
    """

    name: str
    date: str
    folder: Path
    length_s: float
    seen: tuple[Seen, ...]


def read_titles(folders: Sequence[Path], dates: Path | None = None) -> list[Title]:
    """The titles of runs, by date and name.

    Args:
        folders: each a finished run, or a folder that holds some, at any depth.
        dates: a CSV file with the columns title and date; a title is a film's name, with or without its ending. Where
            it says nothing, a date in the film's name counts ("show.2024-05-01.mp4", "Film (1998).mkv").

    Raises:
        InputError: a folder holds no run, or a file of one is missing or damaged.
    """
    runs = sorted({run for folder in folders for run in _runs(folder)})
    known = _dates(dates) if dates is not None else {}
    titles = [_title(run, known) for run in runs]
    return sorted(titles, key=lambda title: (title.date or "9999", title.name))


def _runs(folder: Path) -> Iterator[Path]:
    found = [path.parent for path in folder.rglob(MARK) if not any(part.startswith(".") for part in path.parts[-2:-1])]
    if not found:
        raise InputError(f"{folder} holds no finished run; give folders that asworn match or match-many wrote")
    return iter(found)


def _title(folder: Path, dates: dict[str, str]) -> Title:
    record = read_record(folder)
    name = str(record.get("source", folder.name))
    rows = _rows(folder / "sightings.csv")
    try:
        start = float(record.get("seconds", [0])[0])
        length = max(float(record["seconds"][1]) - start, 1e-3)
        seen = tuple(_seen(row, start, length) for row in rows)
    except (KeyError, ValueError, TypeError, IndexError):
        raise InputError(f"{folder} was written by an older version; match the film again") from None
    date = dates.get(name) or dates.get(Path(name).stem) or _date_in(name)
    return Title(name, date, folder, length, seen)


def _seen(row: dict[str, str], start: float, length: float) -> Seen:
    middle = (float(row["first_s"]) + float(row["last_s"])) / 2
    colours, attributes = _words(row["colours"]), _words(row.get("attributes") or "")
    cuts = tuple(word for word in _words(row["keywords"]) if _is_cut(word) and word not in attributes)
    name = row["title"] or row["product_id"]
    place = min(max((middle - start) / length, 0.0), 1.0)
    return Seen(name, row["type"], colours, row["pattern"], cuts, float(row["screen_time_s"]), place, attributes)


def _words(cell: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in cell.split(",") if word.strip())


def _is_cut(word: str) -> bool:
    return word in SLEEVES or word.partition(" ")[0] in LENGTHS


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read {path} ({error}); make it again: asworn report {path.parent}") from error


def _dates(path: Path) -> dict[str, str]:
    found = {}
    for number, row in enumerate(_rows(path), 2):
        title, date = (row.get("title") or "").strip(), (row.get("date") or "").strip()
        if not title or not _DATE.fullmatch(date):
            raise InputError(f"{path}: line {number} needs a title and a date such as 2024-05-01, 2024-05 or 2024")
        found[title] = "-".join(part for part in _DATE.fullmatch(date).groups() if part)
    return found


def _date_in(name: str) -> str:
    # The last one: "2001.1968.mkv" is a film called 2001.
    found = list(_DATE.finditer(Path(name).stem))
    return "-".join(part for part in found[-1].groups() if part) if found else ""
