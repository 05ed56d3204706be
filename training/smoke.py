"""A recipe cut down to a run of a few minutes: does it start, learn, save and end on this machine?"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

Settings = TypeVar("Settings")

# Settings that count steps, pictures or rows, wherever in a recipe they stand: none is larger than the limit.
_COUNTS = {"steps", "composed", "garments", "scenes", "drawn_count", "drawn_products"}
_COUNTS |= {"dressed", "tracks", "distractors"}
_ONCE = {"tried_on", "tried_on_street"}  # people who wear each garment
_STORES = {"pictures"}  # made by other runs, which a first try should not need
_TENTHS = {"warmup", "log_steps"}


def limited(recipe: Settings, limit: int) -> Settings:
    """The recipe with so many steps at most, on so many pictures of each source at most.

    Args:
        recipe: a settings class of any of the models, with its parts.
        limit: of steps and pictures; 0 leaves the recipe as it is.
    """
    if not limit:
        return recipe
    return replace(recipe, **{one.name: _limited(one.name, getattr(recipe, one.name), limit) for one in fields(recipe)})


def _limited(name: str, value: Any, limit: int) -> Any:
    if is_dataclass(value):
        return limited(value, limit)
    if name == "limit":
        return min(value, limit) if value else limit
    if name in _COUNTS:
        return min(value, limit)
    if name in _STORES:
        return type(value)()
    if name in _ONCE:
        return min(value, 1)
    if name in _TENTHS:
        return min(value, max(limit // 10, 1))
    return value
