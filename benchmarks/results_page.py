"""The page of results: one section for each comparison that has been measured; what has not is simply absent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.comparison import Comparison
from matcher.errors import InputError
from matcher.files import write_whole

# Files of the results folder whose sections come first, in this order; others with a comparison follow by name.
ORDER = ("backbones", "classifiers", "embedders", "losses", "fashion_mnist", "fashion_mnist_full")
_HEAD = """# Results: the older work's models beside ours

Written by `asworn bench results` from the JSON files in `benchmarks/results`; do not edit it by hand. Within a table
all rows had the same data and the same budget unless their names say otherwise. The budgets are short: the tables say
what a model gives for little, not what it can reach. How to measure with more:
[training.md](training.md#beside-older-work).
"""
_NOTHING = "No comparison has been measured yet.\n"


def make_page(results: Path) -> str:
    """The page's text.

    Args:
        results: folder of JSON files, as the benchmarks write them.

    Raises:
        InputError: the folder or a file of it cannot be read, or a comparison in it cannot be understood.
    """
    if not results.is_dir():
        raise InputError(f"no folder {results}; give the one that `asworn bench ... --results` wrote to")
    files = {path.stem: path for path in sorted(results.glob("*.json"))}
    names = [name for name in ORDER if name in files] + [name for name in files if name not in ORDER]
    sections = [section for name in names if (section := _section(files[name])) is not None]
    return "\n".join([_HEAD, *(sections or [_NOTHING])])


def write_page(results: Path, page: Path) -> Path:
    """Write the page and return its path; for errors see `make_page`."""
    write_whole(page, make_page(results))
    return page


def _section(path: Path) -> str | None:
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    comparison = Comparison.read(result, str(path)) if isinstance(result, dict) else None
    return None if comparison is None else comparison.markdown() + "\n" + _measured_on(result)


def _measured_on(result: dict[str, Any]) -> str:
    made = result.get("environment", {})
    parts = (made.get("date", "undated"), made.get("processor", "?"), f"{made.get('cores', '?')} cores, torch on CPU")
    return f"*{', '.join(parts)}.*\n"
