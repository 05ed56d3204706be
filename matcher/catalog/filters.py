"""Which products a search may return."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields

# Columns compared as text without regard to case, and those compared exactly.
_TEXTS = {
    "brands": "brand",
    "colours": "colour",
    "genders": "gender",
    "age_groups": "age_group",
    "availability": "availability",
}
_EXACT = {"ids": "id", "group_ids": "group_id", "types": "type"}


@dataclass(frozen=True)
class Filters:
    """Conditions that must all hold; a condition of None allows everything. An empty tuple allows nothing.

    Attributes:
        brands, colours, genders, age_groups, availability: the texts allowed; case of ASCII letters does not matter.
        ids, group_ids, types: the exact texts allowed.
        price_min, price_max: bounds, both included; a product without a price fails them.
        currency: what prices must be in, e.g. "EUR"; give it with a price bound when a shop has several.
    """

    brands: tuple[str, ...] | None = None
    colours: tuple[str, ...] | None = None
    genders: tuple[str, ...] | None = None
    age_groups: tuple[str, ...] | None = None
    availability: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    group_ids: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None
    price_min: float | None = None
    price_max: float | None = None
    currency: str | None = None

    def __post_init__(self) -> None:
        """Take a single text or a list where a tuple is meant; a search caches by these values."""
        for name in (*_TEXTS, *_EXACT):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked."""
        return all(getattr(self, field.name) is None for field in fields(self))

    def where(self) -> tuple[str, list[str | float]]:
        """The condition in SQL over the product table, values apart, e.g. ("price >= ?", [10.0])."""
        clauses: list[str] = []
        values: list[str | float] = []
        for names, collate in ((_TEXTS, " COLLATE NOCASE"), (_EXACT, "")):
            for name, column in names.items():
                wanted = getattr(self, name)
                if wanted is not None:
                    # One JSON value instead of many parameters: SQLite limits their number.
                    clauses.append(f"{column}{collate} IN (SELECT value FROM json_each(?))")
                    values.append(json.dumps(list(wanted)))
        for name, condition in _BOUNDS.items():
            if getattr(self, name) is not None:
                clauses.append(condition)
                values.append(getattr(self, name))
        return " AND ".join(clauses) or "1", values


_BOUNDS = {"price_min": "price >= ?", "price_max": "price <= ?", "currency": "currency = ? COLLATE NOCASE"}
