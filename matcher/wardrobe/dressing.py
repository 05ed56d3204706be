"""From what a person wears to the surfaces and pictures that draw it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matcher.wardrobe.accessories import belt_patches, glasses_patches, hat_patches
from matcher.wardrobe.bags import bag_patches
from matcher.wardrobe.body import Build, Pose, Skeleton
from matcher.wardrobe.figure import body_patches
from matcher.wardrobe.head import Head, head_patches, paint_face, paint_hair
from matcher.wardrobe.light import Camera, Light
from matcher.wardrobe.lower import leg_patches, skirt_patches
from matcher.wardrobe.mesh import Patch
from matcher.wardrobe.noise import fractal, stream
from matcher.wardrobe.raster import Atlas, Layer, Material, draw
from matcher.wardrobe.sewing import materials
from matcher.wardrobe.shoes import shoe_patches
from matcher.wardrobe.upper import neckline, upper_patches
from matcher.wardrobe.wear import Figure, Worn

FULL_DENSITY = 640.0
COARSE_BELOW = 450.0  # drawn pixels per metre under which every other row of points is enough


@dataclass(frozen=True)
class Person:
    """Who is drawn: proportions, head and clothes."""

    build: Build
    head: Head
    outfit: tuple[Worn, ...]


def garment_patches(figure: Figure, worn: Worn, outfit: tuple[Worn, ...]) -> list[Patch]:
    """Surfaces of one product on a posed figure."""
    if worn.cut.shape == "belt":
        return belt_patches(figure, worn, *_belt_line(outfit))
    builders = {
        "upper": upper_patches,
        "legs": leg_patches,
        "skirt": skirt_patches,
        "shoe": shoe_patches,
        "hat": hat_patches,
        "glasses": glasses_patches,
        "bag": bag_patches,
    }
    return builders[worn.cut.shape](figure, worn)


def _belt_line(outfit: tuple[Worn, ...]) -> tuple[float, float, float]:
    """Height of the belt, its distance from the skin and its place in the order: on trousers, or round a dress."""
    loose = any(worn.cut.shape == "upper" and belt_hidden_by(worn) for worn in outfit)
    for worn in outfit:
        if worn.product.type in ("pants", "skirts"):
            return min(worn.cut.waist, 1.06), 0.010 if loose else 0.014, 0.013 if loose else 0.040
    return 1.09, 0.016, 0.040


def belt_hidden_by(worn: Worn) -> bool:
    """Whether a top hangs over the belt."""
    return worn.product.type == "tops" and not worn.tucked and worn.cut.hem < 1.02


def person_patches(person: Person, pose: Pose) -> list[Patch]:
    """All surfaces of a dressed person in a pose."""
    skeleton = Skeleton(person.build, pose)
    hatted = any(worn.cut.shape == "hat" for worn in person.outfit)
    figure = Figure(skeleton, person.head, hatted)
    patches = body_patches(skeleton, *_bare(person.outfit)) + head_patches(skeleton, person.head, hatted)
    for worn in person.outfit:
        patches += garment_patches(figure, worn, person.outfit)
    return patches


def _bare(outfit: tuple[Worn, ...]) -> tuple[float, float, float, bool]:
    """Where bare skin starts on arm and leg, down to what height the torso shows, and whether the feet are bare."""
    sleeve, leg, torso, shod = 0.0, 0.0, 0.80, False
    low_shoes = False
    for worn in outfit:
        cut = worn.cut
        if cut.shape == "upper":
            sleeve = max(sleeve, cut.sleeve)
            edge = neckline(cut.neck, np.linspace(-np.pi, np.pi, 33, dtype=np.float32))
            # an open jacket covers nothing for sure; the garment below it does
            if worn.product.type != "outerwear" or worn.opening <= 0:
                torso = max(torso, float(edge.min()) - 0.06)
            if cut.hem < 0.8 and worn.product.type == "dresses":
                leg = max(leg, (0.86 - cut.hem) / 0.9)
        elif cut.shape == "legs":
            leg = max(leg, cut.hem)
        elif cut.shape == "skirt":
            leg = max(leg, (0.86 - cut.hem) / 0.9)
        elif cut.shape == "shoe":
            shod = True
            low_shoes = bool({"low vamp", "straps"} & set(worn.product.details))
    crop = any(worn.cut.shape == "upper" and worn.cut.hem > 1.05 for worn in outfit)
    return max(0.0, sleeve - 0.12), max(0.0, leg - 0.14), 0.95 if crop else torso, low_shoes or not shod


def person_materials(person: Person, density: float) -> dict[str, Material]:
    """Pictures for every surface of a person, at `density` pixels per metre of cloth."""
    skin = _skin(person.head)
    named = {
        "skin": Material(skin, 0.08, 0.6),
        "hand": Material(_fingers(skin), 0.06, 1.0),
        "face": Material(paint_face(person.head), 0.10, 0.6),
        "hair": Material(paint_hair(person.head), 0.16, 1.6),
    }
    for worn in person.outfit:
        for part, material in materials(worn.product, density).items():
            named[worn.name(part)] = material
    return named


def _skin(head: Head) -> np.ndarray:
    rng = stream(head.seed, "skin")
    mottle = fractal(rng, (96, 96), (6, 6), 3)[..., None]
    image = np.array(head.skin, np.float32) * (1 + 0.035 * mottle)
    return np.dstack([image, 128 + 3 * mottle]).clip(0, 255).astype(np.uint8)


def _fingers(skin: np.ndarray) -> np.ndarray:
    """Skin with the gaps between four fingers over the last part of the hand."""
    picture = skin.copy()
    for column in (18, 24, 30, 66, 72, 78):
        picture[54:, column : column + 2, :3] = (picture[54:, column : column + 2, :3] * 0.6).astype(np.uint8)
    picture[88:94, :, :3] = (picture[88:94, :, :3] * 0.96 + 10).astype(np.uint8)
    return picture


class Wearer:
    """A person whose pictures are made once and who can be drawn in many poses."""

    def __init__(self, person: Person, density: float = FULL_DENSITY) -> None:
        """Make the pictures at `density` pixels per metre of cloth."""
        self.person = person
        self._density = density
        self._materials = person_materials(person, density)
        self._atlases: dict[float, Atlas] = {}

    def draw(
        self,
        pose: Pose,
        transform: np.ndarray,
        camera: Camera,
        light: Light,
        frame: tuple[int, int],
        supersample: float = 2.0,
    ) -> Layer | None:
        """Draw the person; arguments and result as in `raster.draw`."""
        distance = max(0.3, camera.distance - float(transform[2, 3]))
        wanted = camera.focal * supersample / distance * 1.1
        patches = person_patches(self.person, pose)
        if wanted < COARSE_BELOW:
            patches = [patch if patch.texture == "face" else patch.coarser() for patch in patches]
        return draw(patches, self._atlas(wanted), transform, camera, light, frame, supersample)

    def _atlas(self, wanted: float) -> Atlas:
        """The pictures shrunk by a power of two, so that they are never much finer than the screen."""
        level = 1.0
        while level > 1 / 16 and self._density * level * 0.5 >= wanted * 0.8:
            level *= 0.5
        if level not in self._atlases:
            self._atlases[level] = Atlas.of(self._materials, level)
        return self._atlases[level]
