"""Random scenes: people in random clothes in a random place, with the truth about every visible garment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matcher.taxonomy import TYPE_IDS
from matcher.wardrobe.background import Backdrop, make_backdrop
from matcher.wardrobe.casting import random_person, random_pose
from matcher.wardrobe.compose import develop, paste, shadows
from matcher.wardrobe.dressing import Wearer
from matcher.wardrobe.light import Camera
from matcher.wardrobe.noise import stream
from matcher.wardrobe.product import Product, make_product
from matcher.wardrobe.raster import Layer, placed
from matcher.wardrobe.wear import Worn

LEAST_SHARE, LEAST_PIXELS = 0.2, 40


@dataclass(frozen=True)
class Scene:
    """A drawn picture and the garments seen in it.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        boxes: (N, 4) float32 xyxy pixels round the visible part.
        type_ids: (N,) int64, place in the list of types.
        masks: (N, H, W) bool, visible pixels.
        product_ids: product of each garment.
    """

    image: np.ndarray
    boxes: np.ndarray
    type_ids: np.ndarray
    masks: np.ndarray
    product_ids: list[str]


@dataclass
class Garment:
    """A garment in a frame: whose product, what number in the owner map, and its size if nothing were in front."""

    product_id: str
    kind: str
    number: int
    whole: int


def random_scene(seed: int, size: tuple[int, int] = (640, 360)) -> Scene:
    """Draw one to five people in random clothes in a random place.

    Args:
        seed: equal seeds draw equal scenes.
        size: (width, height) pixels.

    Returns:
        The picture with the truth. Garments of which less than 20 % or fewer than 40 pixels are seen are left out.
    """
    rng = stream("scene", seed)
    width, height = size
    horizon = float(rng.uniform(0.22, 0.5))
    backdrop = make_backdrop(int(rng.integers(1 << 31)), size, horizon=horizon)
    camera, spots = _stand(rng, size, backdrop)
    layers, garments = [], []
    for index, (x, z) in enumerate(spots):
        drawn = _person(rng, (seed, index), camera, backdrop, x, z, size)
        if drawn is not None:
            layers.append((*drawn, x, z))
    image, owners = backdrop.image.copy(), np.full((height, width), -1, np.int16)
    standing = [(layer, x, z) for layer, _, x, z in layers]
    image *= shadows(size, standing, camera, backdrop.light, backdrop.outdoor)[..., None]
    for layer, outfit, _, _ in sorted(layers, key=lambda entry: entry[-1]):
        garments += _add(image, owners, layer, outfit, len(garments))
    photo = develop(
        image,
        rng,
        float(rng.uniform(0.75, 1.15)),
        float(rng.choice([0.004, 0.012, 0.025])),
        float(rng.uniform(0.2, 0.8)),
    )
    return truth(photo, owners, garments)


def _stand(
    rng: np.random.Generator, size: tuple[int, int], backdrop: Backdrop
) -> tuple[Camera, list[tuple[float, float]]]:
    """A camera and where people stand, (x, z) metres: wide shots, full bodies, and close ones cut at the waist."""
    width, height = size
    eye = float(rng.uniform(1.1, 1.7))
    shot = str(rng.choice(["wide", "full", "medium", "mixed"], p=[0.28, 0.34, 0.2, 0.18]))
    tall = {"wide": (0.28, 0.55), "full": (0.6, 1.0), "medium": (1.1, 1.9), "mixed": (0.4, 1.3)}[shot]
    count = int(rng.choice([1, 2, 3, 4, 5], p=[0.28, 0.3, 0.22, 0.12, 0.08]))
    if shot == "medium":
        count = min(count, 3)
    distance = 6.0
    focal = float(rng.uniform(*tall)) * height * distance / 1.75
    camera = Camera(focal, (width / 2, backdrop.horizon), eye, distance)
    spots = []
    for index in range(count):
        z = float(rng.uniform(-3.0, 0.6)) if shot == "mixed" else float(rng.normal(0, 0.35))
        half = width / 2 * (distance - z) / focal
        share = (index + 0.5 + rng.normal(0, 0.45)) / count if count > 1 else rng.uniform(0.2, 0.8)
        spots.append(((2 * float(np.clip(share, 0.02, 0.98)) - 1) * half * 0.95, z))
    return camera, spots


def _person(
    rng: np.random.Generator,
    keys: tuple[int, int],
    camera: Camera,
    backdrop: Backdrop,
    x: float,
    z: float,
    size: tuple[int, int],
) -> tuple[Layer, tuple[Worn, ...]] | None:
    def pick(kind: str) -> Product:
        return make_product(f"{kind}-{keys[0]}-{keys[1]}", kind, *keys)

    person = random_person(rng, pick)
    pixels = camera.focal / (camera.distance - z)
    density = float(np.clip(2 ** np.ceil(np.log2(0.9 * pixels)), 64, 512))
    yaw = float(rng.choice([0.0, 0.6, -0.6, 1.5, -1.5, np.pi], p=[0.34, 0.16, 0.16, 0.11, 0.11, 0.12])) + float(
        rng.normal(0, 0.25)
    )
    light = backdrop.light.scaled(float(rng.uniform(0.8, 1.1)))
    transform = placed(x, z, yaw, person.build.height / 1.75)
    layer = Wearer(person, density).draw(random_pose(rng, person.outfit), transform, camera, light, size)
    return None if layer is None else (layer, person.outfit)


def _add(image: np.ndarray, owners: np.ndarray, layer: Layer, outfit: tuple[Worn, ...], first: int) -> list[Garment]:
    paste(image, owners, layer, first)
    counts = np.bincount(layer.owners[layer.owners >= 0].ravel(), minlength=len(outfit))
    return [Garment(worn.product.id, worn.product.type, first + worn.owner, int(counts[worn.owner])) for worn in outfit]


def truth(photo: np.ndarray, owners: np.ndarray, garments: list[Garment]) -> Scene:
    """Collect boxes and masks of the garments that are seen well enough."""
    boxes, kinds, masks, ids = [], [], [], []
    for garment in garments:
        mask = owners == garment.number
        seen = int(np.count_nonzero(mask))
        if seen < LEAST_PIXELS or seen < LEAST_SHARE * garment.whole:
            continue
        ys, xs = np.nonzero(mask)
        boxes.append((xs.min(), ys.min(), xs.max() + 1, ys.max() + 1))
        kinds.append(TYPE_IDS[garment.kind])
        masks.append(mask)
        ids.append(garment.product_id)
    stacked = np.stack(masks) if masks else np.zeros((0, *photo.shape[:2]), bool)
    return Scene(photo, np.array(boxes, np.float32).reshape(-1, 4), np.array(kinds, np.int64), stacked, ids)
