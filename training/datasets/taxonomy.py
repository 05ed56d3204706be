"""How the categories of a data set become types: data files in `configs/taxonomies`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from matcher.errors import ConfigError
from matcher.taxonomy import TYPE_IDS, load_taxonomy, normalise, type_of
from training.datasets.report import Broken


@dataclass(frozen=True)
class Taxonomy:
    """Categories of one data set.

    Attributes:
        types: normalised category to type name; None = the packaged names, for sets with categories of their own.
        categories: names in the order of the set's own numbers, if it has fixed ones.
        ignored: normalised names that are deliberately no type.
        rest: further tables of the file.
    """

    types: Mapping[str, str] | None = None
    categories: tuple[str, ...] = ()
    ignored: frozenset[str] = frozenset()
    rest: Mapping[str, Any] | None = None

    def type_id(self, category: str) -> int | None:
        """Index into `TYPES`, or None for what is deliberately no type.

        Raises:
            Broken: the category is not known.
        """
        name = type_of(category, self.types)
        if name is None and normalise(category) not in self.ignored:
            raise Broken(f"the category {category!r} is not known")
        return None if name is None else TYPE_IDS[name]

    def category(self, number: int, first: int = 0) -> str:
        """The name of a category's number, where numbers start at `first`.

        Raises:
            Broken: there is no such number.
        """
        if not first <= number < first + len(self.categories):
            raise Broken(f"the category {number} is not one of {first} to {first + len(self.categories) - 1}")
        return self.categories[number - first]


@cache
def packaged(name: str) -> Taxonomy:
    """The taxonomy of a data set that ships in `configs/taxonomies`."""
    with resources.as_file(resources.files("configs") / "taxonomies" / f"{name}.toml") as path:
        return read_taxonomy(path)


def read_taxonomy(path: Path) -> Taxonomy:
    """Read a taxonomy file: `[types]`, and optionally `categories` and `ignored`.

    Raises:
        ConfigError: the file cannot be read, or names a type that does not exist.
    """
    types = load_taxonomy(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        categories, ignored = tuple(table.get("categories", ())), frozenset(map(normalise, table.get("ignored", ())))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"cannot read the taxonomy {path}: {error}") from error
    return Taxonomy(types, categories, ignored, table)
