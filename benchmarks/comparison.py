"""A table that compares models: printed, kept as JSON, and put on the page of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matcher.errors import InputError
from training.evaluation.output import percent, print_table

KEY = "comparison"  # of a result's JSON
SHARE, COUNT, SECONDS, NUMBER, TEXT = "share", "count", "seconds", "number", "text"
_SHOWN = {
    SHARE: percent,
    COUNT: lambda value: f"{value:,}",
    SECONDS: lambda value: f"{value:.0f} s",
    NUMBER: lambda value: f"{value:.2f}",
    TEXT: str,
}


@dataclass(frozen=True)
class Column:
    """One column: the rows' key, its heading, and how values are shown (one of the constants above)."""

    key: str
    heading: str
    kind: str = SHARE

    def show(self, row: Mapping[str, Any]) -> str:
        """The cell of a row; a dash where it has none."""
        value = row.get(self.key)
        return "-" if value is None else _SHOWN[self.kind](value)


@dataclass(frozen=True)
class Comparison:
    """Rows of figures and what was done to get them.

    Attributes:
        title: of the section.
        text: sentences about conditions, above the table.
        columns: the first one names the row.
        rows: figures by the columns' keys.
    """

    title: str
    text: str
    columns: tuple[Column, ...]
    rows: Sequence[Mapping[str, Any]]

    def cells(self) -> list[list[str]]:
        """The rows as they are shown."""
        return [[column.show(row) for column in self.columns] for row in self.rows]

    def show(self) -> None:
        """Print the table."""
        print_table(self.title, [column.heading for column in self.columns], self.cells())

    def plain(self) -> dict[str, Any]:
        """What a result's JSON holds of it."""
        columns = [[column.key, column.heading, column.kind] for column in self.columns]
        return {KEY: {"title": self.title, "text": self.text, "columns": columns, "rows": [dict(r) for r in self.rows]}}

    @classmethod
    def read(cls, result: Mapping[str, Any], where: str) -> Comparison | None:
        """The comparison of a result's JSON, None where it has none.

        Raises:
            InputError: it has one that cannot be understood.
        """
        if KEY not in result:
            return None
        try:
            table = result[KEY]
            columns = tuple(Column(*column) for column in table["columns"])
            made = cls(table["title"], table["text"], columns, table["rows"])
            made.cells()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{where}: the comparison in it cannot be read ({error!r}); measure it again") from error
        return made

    def markdown(self) -> str:
        """A section of a page."""
        head = [_escaped(column.heading) for column in self.columns]
        lines = [head, ["---"] + ["---:"] * (len(head) - 1), *([_escaped(c) for c in row] for row in self.cells())]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"## {self.title}\n\n{self.text}\n\n{table}\n"


def _escaped(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
