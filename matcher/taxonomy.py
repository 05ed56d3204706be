"""Garment types: the names that the catalogue is partitioned by, and how other names map to them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path

from matcher.errors import ConfigError

TYPES: tuple[str, ...] = (
    "bags",
    "belts",
    "dresses",
    "eyewear",
    "footwear",
    "hats",
    "leggings",
    "outerwear",
    "pants",
    "skirts",
    "tops",
)
TYPE_IDS: Mapping[str, int] = {name: i for i, name in enumerate(TYPES)}

# Types that share a place on the body: a detector may hesitate between them on one garment.
SLOTS: Mapping[str, str] = {
    "bags": "bag",
    "belts": "waist",
    "dresses": "torso",
    "eyewear": "face",
    "footwear": "feet",
    "hats": "head",
    "leggings": "legs",
    "outerwear": "torso",
    "pants": "legs",
    "skirts": "legs",
    "tops": "torso",
}


@cache
def _packaged_names() -> dict[str, str]:
    text = (resources.files("configs") / "taxonomies" / "types.toml").read_text(encoding="utf-8")
    return {alias: name for name, aliases in tomllib.loads(text)["types"].items() for alias in (name, *aliases)}


def normalise(name: str) -> str:
    """Lower-case a category name and reduce separators to single spaces."""
    return " ".join(name.lower().replace("_", " ").replace("-", " ").replace("/", " ").replace("&", " ").split())


def type_of(name: str, taxonomy: Mapping[str, str] | None = None) -> str | None:
    """Map a category name of a data set or a shop feed to one of `TYPES`.

    Args:
        name: e.g. "Long sleeve top", "t-shirt", "Sneakers"; case and separators do not matter.
        taxonomy: normalised name to type; the packaged one when None.

    Returns:
        The type's name, or None when the name is unknown or is not a garment.
    """
    names = _packaged_names() if taxonomy is None else taxonomy
    key = normalise(name)
    for candidate in (key, key.removesuffix("s"), key + "s"):
        if candidate in names:
            return names[candidate]
    return None


def load_taxonomy(path: Path) -> dict[str, str]:
    """Read a taxonomy file: a TOML table `[types]` of type = list of category names.

    Returns:
        Normalised category name to type name.

    Raises:
        ConfigError: the file cannot be read, or names a type that does not exist.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))["types"]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        raise ConfigError(f"cannot read the taxonomy {path}: {error}; it needs a [types] table") from error
    _refuse_unknown(table, path)
    return {normalise(alias): name for name, aliases in table.items() for alias in (name, *aliases)}


def _refuse_unknown(names: Iterable[str], path: Path) -> None:
    unknown = sorted(set(names) - set(TYPES))
    if unknown:
        raise ConfigError(f"{path}: unknown types {', '.join(unknown)}; the types are {', '.join(TYPES)}")
