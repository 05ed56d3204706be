"""The cuts that the shop sells: for each of the eleven types, the shapes a product can have."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True)
class Cut:
    """Shape of a garment.

    Attributes:
        name: what a shop would call it.
        type: one of the eleven types.
        shape: which builder draws it: upper, skirt, legs, shoe, hat, glasses, bag or belt.
        hem: lower edge; height in metres for upper and skirt, share of the leg for legs, shaft height for shoes.
        ease: distance from the skin, metres.
        loose: 0 follows the waist, 1 falls straight from chest to hip.
        flare: widening below the hip, metres per metre.
        sleeve: share of the arm that is covered, 0 for none.
        sleeve_ease: distance of the sleeve from the skin, metres.
        neck: shape of the neckline.
        closure: "", "buttons", "zip" or "open".
        waist: height of the upper edge of skirts and trousers, metres.
        pleats: number of folds round a skirt, 0 for a few soft ones.
        details: names of what is sewn on, see `details`.
        patterns: fabric patterns that it comes in.
        cloths: cloths that it comes in.
        prices: lowest and highest price.
    """

    name: str
    type: str
    shape: str
    hem: float = 0.0
    ease: float = 0.015
    loose: float = 0.5
    flare: float = 0.0
    sleeve: float = 0.0
    sleeve_ease: float = 0.015
    neck: str = "crew"
    closure: str = ""
    waist: float = 1.04
    pleats: int = 0
    details: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ("plain",)
    cloths: tuple[str, ...] = ("cotton",)
    prices: tuple[int, int] = (20, 60)


def _load() -> dict[str, tuple[Cut, ...]]:
    text = resources.files("matcher.wardrobe").joinpath("cuts.toml").read_text(encoding="utf-8")
    return {kind: tuple(_cut(kind, fields) for fields in rows) for kind, rows in tomllib.loads(text).items()}


def _cut(kind: str, fields: Mapping[str, object]) -> Cut:
    frozen = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    return Cut(type=kind, **frozen)


CUTS: dict[str, tuple[Cut, ...]] = _load()
