"""The list of rejected rows as a file of the generation."""

from __future__ import annotations

import csv
import io

from indexer.feeds.base import Rejected

NAME = "rejected.csv"


def as_csv(rejected: tuple[Rejected, ...]) -> str:
    """The list as CSV with the columns row, id, reason."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row", "id", "reason"])
    writer.writerows((one.row, _no_formula(one.id), _no_formula(one.reason)) for one in rejected)
    return text.getvalue()


def _no_formula(text: str) -> str:
    """A spreadsheet runs a cell that begins with one of these; a quote before it makes it text."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
