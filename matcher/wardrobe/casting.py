"""Chooses people, clothes and poses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from matcher.wardrobe.body import Build, Pose, walking
from matcher.wardrobe.dressing import Person, belt_hidden_by
from matcher.wardrobe.head import STYLES, Head
from matcher.wardrobe.palette import HAIR, SKIN
from matcher.wardrobe.product import Product
from matcher.wardrobe.wear import Worn

Picker = Callable[[str], Product | None]


def random_build(rng: np.random.Generator, female: float) -> Build:
    """Proportions of a grown-up."""
    return Build(
        height=float(rng.normal(1.77 - 0.12 * female, 0.06)),
        female=female,
        weight=float(np.clip(rng.normal(1.04, 0.1), 0.85, 1.35)),
        shoulders=float(rng.normal(1, 0.03)),
        head=float(rng.normal(1.03, 0.025)),
    )


def random_head(rng: np.random.Generator, female: float) -> Head:
    """Looks of a head."""
    weights = (
        np.array([0.3, 0.6, 0.6, 0.3, 1.6, 2.4, 1.2, 1.4, 1.0, 0.3])
        if female > 0.5
        else np.array([0.7, 1.5, 3.0, 2.0, 0.2, 0.25, 0.15, 0.1, 0.6, 0.3])
    )
    skin = SKIN[int(rng.integers(len(SKIN)))]
    dark = np.array(skin).mean() < 130
    hair = HAIR[int(rng.integers(0, 3 if dark else len(HAIR)))]
    beard = float(rng.uniform(0.1, 1.0)) if female < 0.5 and rng.random() < 0.5 else 0.0
    jitter = rng.uniform(0.94, 1.06, 3)
    tone = tuple(int(v) for v in np.clip(np.array(skin) * jitter, 0, 255))
    return Head(
        str(rng.choice(STYLES, p=weights / weights.sum())), hair, tone, beard, female, int(rng.integers(1 << 31))
    )


def random_outfit(rng: np.random.Generator, pick: Picker, female: float) -> tuple[Worn, ...]:
    """Dress someone: `pick` gives a product of a type, or None where there is none."""
    chosen: list[tuple[str, dict[str, object]]] = []
    dress = rng.random() < 0.32 * female
    if dress:
        chosen.append(("dresses", {}))
        if rng.random() < 0.25:
            chosen.insert(0, ("leggings", {}))
    else:
        lower = str(
            rng.choice(["pants", "leggings", "skirts"], p=[1 - 0.5 * female, 0.02 + 0.2 * female, 0.3 * female - 0.02])
            if female > 0.5
            else rng.choice(["pants", "leggings"], p=[0.97, 0.03])
        )
        if lower == "skirts" and rng.random() < 0.3:
            chosen.append(("leggings", {}))
        chosen += [(lower, {}), ("tops", {"tucked": bool(rng.random() < (0.6 if lower == "skirts" else 0.3))})]
    chosen.append(("footwear", {}))
    if rng.random() < 0.42:
        chosen.append(("outerwear", {"opening": float(rng.choice([0.0, 0.5, 0.8, 1.1]))}))
    for kind, chance in (("belts", 0.28), ("eyewear", 0.27), ("hats", 0.27), ("bags", 0.42)):
        if rng.random() < chance:
            chosen.append((kind, {"side": int(rng.integers(2))}))
    return put_on(chosen, pick)


def put_on(chosen: list[tuple[str, dict[str, object]]], pick: Picker) -> tuple[Worn, ...]:
    """Dress someone from the inside out in (type, how it is worn) pairs; what is not there is left out."""
    outfit: list[Worn] = []
    for kind, how in chosen:
        product = pick(kind)
        hidden = kind == "belts" and any(belt_hidden_by(worn) for worn in outfit)
        if product is not None and not hidden:
            below = max((worn.cut.ease for worn in outfit if worn.cut.shape == "upper"), default=0.0)
            room = {"over": 0.7 * below} if product.type == "outerwear" else {}
            outfit.append(Worn(product, len(outfit), **_possible(product, how), **room))
    return tuple(outfit)


def _possible(product: Product, how: dict[str, object]) -> dict[str, object]:
    """What can be done with this product: only garments made to open do, long jumpers are not tucked in."""
    how = dict(how)
    if product.type == "outerwear" and not product.cut.closure:
        how["opening"] = 0.0
    if how.get("tucked") and (product.cut.ease > 0.028 or product.cut.hem > 1.0):
        how["tucked"] = False
    return how


def random_person(rng: np.random.Generator, pick: Picker) -> Person:
    """A person dressed by `pick`."""
    female = float(rng.random() < 0.55) * float(rng.uniform(0.85, 1.0))
    return Person(random_build(rng, female), random_head(rng, female), random_outfit(rng, pick, female))


def random_pose(rng: np.random.Generator, outfit: tuple[Worn, ...] = ()) -> Pose:
    """A pose of someone walking, standing, gesturing or holding something."""
    kind = rng.choice(["walk", "stand", "hip", "gesture", "weight"], p=[0.35, 0.25, 0.12, 0.16, 0.12])
    head = {"turn": float(rng.normal(0, 0.25)), "nod": float(rng.normal(0.03, 0.1))}
    base = walking(float(rng.random()), float(rng.uniform(0.6, 1.05))) if kind == "walk" else _standing(rng, str(kind))
    carried = [worn.side for worn in outfit if {"handbag", "holdall"} & set(worn.product.details)]
    values = {name: getattr(base, name) for name in base.__dataclass_fields__} | head
    for side in carried:
        for name, value in (("elbow", 0.15), ("shoulder", values["shoulder"][side] * 0.4), ("lift", 0.2)):
            pair = list(values[name])
            pair[side] = value
            values[name] = tuple(pair)
    return Pose(**values)


def _standing(rng: np.random.Generator, kind: str) -> Pose:
    def pair(low: float, high: float) -> tuple[float, float]:
        return float(rng.uniform(low, high)), float(rng.uniform(low, high))

    lift, elbow, shoulder, inward = pair(0.08, 0.2), pair(0.05, 0.4), pair(-0.1, 0.12), pair(0.0, 0.2)
    side = int(rng.integers(2))
    if kind == "hip":
        lift, elbow, shoulder, inward = (
            _set(lift, side, 0.75),
            _set(elbow, side, 1.9),
            _set(shoulder, side, -0.35),
            _set(inward, side, 0.95),
        )
    elif kind == "gesture":
        elbow, shoulder = (
            _set(elbow, side, float(rng.uniform(1.0, 2.1))),
            _set(shoulder, side, float(rng.uniform(0.0, 0.7))),
        )
        inward = _set(inward, side, float(rng.uniform(-0.1, 0.6)))
        if rng.random() < 0.3:
            elbow, shoulder, inward = (
                _set(elbow, 1 - side, 1.5),
                _set(shoulder, 1 - side, 0.2),
                _set(inward, 1 - side, 0.7),
            )
    sway = float(rng.normal(0, 0.02)) * (2 if kind == "weight" else 1)
    knee = (0.05, 0.05) if kind != "weight" else _set((0.05, 0.05), side, 0.4)
    hip = (0.0, 0.0) if kind != "weight" else _set((0.0, 0.0), side, 0.22)
    return Pose(
        hip=hip,
        spread=pair(0.02, 0.12),
        knee=knee,
        shoulder=shoulder,
        lift=lift,
        elbow=elbow,
        inward=inward,
        lean=float(rng.normal(0, 0.03)),
        twist=float(rng.normal(0, 0.08)),
        sway=sway,
    )


def _set(values: tuple[float, float], side: int, value: float) -> tuple[float, float]:
    return (value, values[1]) if side == 0 else (values[0], value)
