"""What happens in a clip: its people, what they wear, and four shots with their movements, cameras and light."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from matcher.wardrobe.body import Pose, walking
from matcher.wardrobe.casting import put_on, random_build, random_head
from matcher.wardrobe.dressing import Person
from matcher.wardrobe.light import Camera
from matcher.wardrobe.mesh import smooth_step
from matcher.wardrobe.noise import stream
from matcher.wardrobe.product import Product

STRIDE_M = 1.45
OUTFITS: tuple[tuple[float, tuple[tuple[str, dict[str, object]], ...]], ...] = (
    (1.0, (("dresses", {}), ("footwear", {}), ("belts", {}), ("bags", {"side": 0}), ("eyewear", {}))),
    (0.0, (("pants", {}), ("tops", {"tucked": True}), ("footwear", {}), ("belts", {}), ("hats", {}))),
    (
        1.0,
        (
            ("skirts", {}),
            ("tops", {"tucked": True}),
            ("footwear", {}),
            ("outerwear", {"opening": 0.8}),
            ("bags", {"side": 1}),
        ),
    ),
    (
        1.0,
        (
            ("leggings", {}),
            ("tops", {}),
            ("footwear", {}),
            ("outerwear", {"opening": 0.5}),
            ("hats", {}),
            ("eyewear", {}),
        ),
    ),
)


@dataclass(frozen=True)
class Stand:
    """Where and how someone stands: x and z metres, yaw in radians, pose."""

    x: float
    z: float
    yaw: float
    pose: Pose


@dataclass(frozen=True)
class Shot:
    """One uninterrupted take.

    Attributes:
        place: kind of backdrop.
        start, end: share of the clip, 0..1.
        horizon: share of the frame above the eye level.
        camera: seconds and share of the shot to focal length (share of the frame height), eye height and distance.
        view: share of the shot to zoom and pan (share of the frame width), done on the finished stage.
        light: share of the shot to a factor for each of BGR.
        acts: number of the person to what they do at so many seconds, of the shot's seconds.
    """

    place: str
    start: float
    end: float
    horizon: float
    tall: float
    eye: float
    view: Callable[[float], tuple[float, float]]
    light: Callable[[float], tuple[float, float, float]]
    acts: dict[int, Callable[[float, float], Stand]]

    def camera(self, size: tuple[int, int], wide: float) -> Camera:
        """Camera for a stage `wide` times as wide as the frame; 1.75 m at z = 0 are `tall` of the frame height."""
        distance = 7.0
        return Camera(
            self.tall * size[1] * distance / 1.75, (wide * size[0] / 2, self.horizon * size[1]), self.eye, distance
        )


class _Rack:
    """Hands out a shop's products, each once while there are others; clothes that nobody can do without come again."""

    def __init__(self, products: list[Product], rng: np.random.Generator) -> None:
        self._left: dict[str, list[Product]] = {}
        for index in rng.permutation(len(products)):
            self._left.setdefault(products[index].type, []).append(products[index])
        self._all = {kind: list(rack) for kind, rack in self._left.items()}

    def take(self, kind: str, fits: Callable[[Product], bool]) -> Product | None:
        rack = self._left.get(kind, [])
        if not rack and kind in ("tops", "footwear"):
            rack = self._left[kind] = list(self._all.get(kind, []))
        chosen = next((product for product in rack if fits(product)), rack[0] if rack else None)
        if chosen is not None:
            rack.remove(chosen)
        return chosen


def cast(seed: int, products: list[Product]) -> list[Person]:
    """Four people who together wear something of every type that the shop has."""
    rng = stream(seed, "cast")
    rack = _Rack(products, rng)
    people = []
    for female, wanted in OUTFITS:
        tuck = {kind for kind, how in wanted if how.get("tucked")}

        def fits(product: Product, tuck: set[str] = tuck) -> bool:
            return product.type not in tuck or (product.cut.ease <= 0.028 and product.cut.hem <= 1.0)

        outfit = put_on(list(wanted), lambda kind, fits=fits: rack.take(kind, fits))
        people.append(Person(random_build(rng, female), random_head(rng, female), outfit))
    return people


def _walk(x: float, z: float, yaw: float, speed: float, phase: float) -> Callable[[float, float], Stand]:
    """Walk on a straight line that passes (x, z) in the middle of the shot."""

    def at(seconds: float, total: float) -> Stand:
        way = (seconds - total / 2) * speed
        pose = walking((phase + way / STRIDE_M) % 1.0, min(1.0, 0.5 + 0.5 * speed))
        return Stand(x + way * np.sin(yaw), z + way * np.cos(yaw), yaw, pose)

    return at


def _turn(x: float, z: float, start: float, turns: float) -> Callable[[float, float], Stand]:
    """Turn on the spot."""

    def at(seconds: float, total: float) -> Stand:
        share = seconds / total
        pose = Pose(
            lift=(0.16, 0.16),
            elbow=(0.3, 0.35),
            sway=0.01 * float(np.sin(2 * seconds)),
            turn=0.2 * float(np.sin(seconds)),
        )
        return Stand(x, z, start + turns * 2 * np.pi * share, pose)

    return at


def _talk(x: float, z: float, yaw: float, side: int, pace: float) -> Callable[[float, float], Stand]:
    """Stand, look about and talk with one hand."""
    rest = Pose(lift=(0.12, 0.12), elbow=(0.25, 0.3))
    raised = Pose(
        lift=(0.15, 0.2),
        elbow=(1.7, 0.3) if side == 0 else (0.3, 1.7),
        shoulder=(0.35, 0.0) if side == 0 else (0.0, 0.35),
        inward=(0.35, 0.1) if side == 0 else (0.1, 0.35),
    )

    def at(seconds: float, total: float) -> Stand:
        pose = rest.blended(raised, float(smooth_step(np.sin(pace * seconds), -0.2, 0.7)))
        look = Pose(turn=0.5 * float(np.sin(0.7 * seconds + x)), nod=0.06 * float(np.sin(1.9 * seconds)))
        pose = Pose(
            **{**{name: getattr(pose, name) for name in Pose.__dataclass_fields__}, "turn": look.turn, "nod": look.nod}
        )
        return Stand(x + 0.02 * float(np.sin(0.9 * seconds)), z, yaw + 0.25 * float(np.sin(0.5 * seconds)), pose)

    return at


def _steady(share: float) -> tuple[float, float, float]:
    return 1.0, 1.0, 1.0


def _dusk(share: float) -> tuple[float, float, float]:
    fall = float(smooth_step(share, 0.25, 0.85))
    return 1 - 0.55 * fall, 1 - 0.72 * fall, 1 - 0.76 * fall


def _coloured(share: float) -> tuple[float, float, float]:
    wave = float(np.sin(2 * np.pi * share))
    return 1.0 + 0.35 * wave, 0.92, 1.0 - 0.3 * wave


def shots(seed: int) -> list[Shot]:
    """The four shots: two people cross in a street while a third turns; a talk from the waist up as it gets dark; a
    turn under coloured light with the camera closing in until the feet are cut; a walk towards the camera."""
    rng = stream(seed, "shots")
    side = float(rng.choice([-1.0, 1.0]))
    street = {
        0: _walk(0.0, 0.35, side * np.pi / 2, 1.0, 0.1),
        1: _walk(0.1, -0.45, -side * np.pi / 2, 0.95, 0.6),
        2: _turn(-side * 1.75, -0.9, 0.3, 0.75),
    }
    room = {0: _talk(-0.32, 0.0, 0.25, 1, 1.3), 3: _talk(0.36, -0.15, -0.3, 0, 1.0)}
    studio = {1: _turn(0.05, 0.1, -0.4, side), 3: _turn(1.15, -0.5, -0.6, 0.2)}
    park = {
        2: _walk(-0.55, -0.8, 0.12, 0.75, 0.3),
        3: _walk(0.6, -1.1, -0.15, 0.75, 0.8),
        0: _walk(0.3, -2.6, -side * np.pi / 2, 0.9, 0.4),
    }
    return [
        Shot("street", 0.0, 0.34, 0.34, 0.66, 1.5, lambda u: (1.0, side * 0.05 * (2 * u - 1)), _steady, street),
        Shot("room", 0.34, 0.56, 0.36, 1.75, 1.52, lambda u: (1.0 + 0.05 * u, 0.0), _dusk, room),
        Shot(
            "studio",
            0.56,
            0.78,
            0.40,
            0.80,
            1.35,
            lambda u: (1.0 + 0.55 * float(smooth_step(u, 0.3, 0.9)), 0.0),
            _coloured,
            studio,
        ),
        Shot("park", 0.78, 1.0, 0.38, 0.78, 1.45, lambda u: (1.0, -side * 0.06 * (2 * u - 1)), _steady, park),
    ]
