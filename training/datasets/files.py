"""Files of data sets, read with bounds."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.datasets.report import Broken

MAX_JSON = 4 << 30  # bytes; the largest published annotation file is a fraction of this
MAX_SMALL = 64 << 20  # bytes of a file for one picture
MAX_CELL = 16 << 20  # characters of one CSV cell; a run-length mask of a large photo has about a tenth of this
_LONGEST_LINE = 1 << 20

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif")


def read_json(path: Path, limit: int = MAX_JSON) -> Any:
    """Read a JSON file.

    Args:
        path: of the file.
        limit: bytes that it may have at most.

    Raises:
        Broken: missing, too large, or not JSON.
    """
    try:
        size = path.stat().st_size
        if size > limit:
            raise Broken(f"has {size} bytes; at most {limit} are read")
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise Broken("is missing") from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, Broken):
            raise
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Broken(f"is not valid JSON: {reason}") from error


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Line numbers from 1 and lines of a text file, without ends; one line is held at a time.

    Raises:
        Broken: missing, or a line is too long to be one of a list.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            line = 0
            while content := file.readline(_LONGEST_LINE):
                line += 1
                if len(content) == _LONGEST_LINE:
                    raise Broken(f"line {line} is too long; this is no list")
                yield line, content.rstrip("\r\n")
    except FileNotFoundError:
        raise Broken("is missing") from None


def read_list(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and words of a list in DeepFashion's form: a count, the names of the columns, then the rows."""
    for line, content in read_lines(path):
        if line > 2 and content.strip():
            yield line, content.split()


def stated_count(path: Path) -> int | None:
    """The count in the first line of such a list, or None."""
    for _, content in read_lines(path):
        word = content.strip()
        return int(word) if word.isdigit() and len(word) < 12 else None
    return None


def read_csv(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line numbers and rows of a CSV file with a header; one row is held at a time.

    Raises:
        Broken: missing, no CSV, or it lacks a column.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL))
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            rows = csv.DictReader(file)
            missing = [name for name in needed if name not in (rows.fieldnames or ())]
            if missing:
                raise Broken(f"lacks the columns {', '.join(missing)}; it needs {', '.join(needed)}")
            for row in rows:
                yield rows.line_num, {name: row.get(name) or "" for name in needed}
    except FileNotFoundError:
        raise Broken("is missing") from None
    except csv.Error as error:
        raise Broken(f"is not a CSV file: {error}") from error


def pictures_by_stem(folder: Path) -> dict[str, Path]:
    """Pictures directly in a folder by their name without its ending; empty where there is no folder."""
    if not folder.is_dir():
        return {}
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in PICTURES}


def pictures_in(folder: Path) -> list[Path]:
    """Pictures anywhere under a folder, in order."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES and path.is_file())
