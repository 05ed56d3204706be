"""Product photos as a shop takes them: worn by nobody, lying flat, on a hanger, or turned, on a light plain ground."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from matcher.wardrobe.bags import bag_alone
from matcher.wardrobe.body import Build, Pose, Skeleton
from matcher.wardrobe.compose import develop
from matcher.wardrobe.dressing import garment_patches
from matcher.wardrobe.light import Camera, Light
from matcher.wardrobe.mesh import Patch
from matcher.wardrobe.noise import stream
from matcher.wardrobe.product import Product
from matcher.wardrobe.raster import Atlas, Layer, draw
from matcher.wardrobe.sewing import materials
from matcher.wardrobe.wear import Figure, Worn

FAR = 40.0
STYLES = ("dummy", "flat", "hanger", "turned")


@dataclass(frozen=True)
class _Setup:
    """How a product is laid out: turn and tilt in radians, thickness as a share, arms away from the body in radians."""

    style: str
    yaw: float
    pitch: float
    roll: float
    thick: float
    lift: float
    opening: float
    fill: float


def render_packshot(product: Product, size: int = 512, view: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Photograph a product.

    Args:
        product: what to photograph.
        size: width and height of the picture in pixels.
        view: which photo; views differ in style (0 as if worn by a dummy, 1 flat, 2 on a hanger, 3 turned, and so
            on), light, rotation and framing. Equal views are equal pictures.

    Returns:
        (size, size, 3) uint8 BGR and (size, size) uint8, 1 on the product.
    """
    rng = stream("packshot", product.seed, view)
    setup = _setup(product, rng, view)
    patches = _laid_out(product, setup)
    atlas = Atlas.of({f"0:{name}": material for name, material in materials(product, _density(size)).items()})
    transform, camera = _framed(patches, setup, size, rng)
    layer = draw(patches, atlas, transform, camera, _studio_light(rng), (size, size), 2.0)
    image = _paper(rng, size)
    mask = np.zeros((size, size), np.uint8)
    if layer is None:
        return develop(image, rng, noise=0.003), mask
    _shadow(image, layer, size, setup)
    if setup.style == "hanger" and product.cut.shape == "upper":
        _hanger(image, transform, camera, setup)
    x, y = layer.origin
    height, width = layer.alpha.shape
    area = image[y : y + height, x : x + width]
    area *= (1 - layer.alpha)[..., None]
    area += layer.colour
    mask[y : y + height, x : x + width] = layer.owners >= 0
    return develop(image, rng, float(rng.uniform(0.97, 1.06)), 0.004, 0.4), mask


def _density(size: int) -> float:
    return float(np.clip(1.25 * size, 160, 960))


def _setup(product: Product, rng: np.random.Generator, view: int) -> _Setup:
    style = STYLES[view % len(STYLES)]
    shape = product.cut.shape
    yaw, pitch, thick = float(rng.normal(0, 0.04)), 0.0, 1.0
    if shape in ("shoe", "hat", "glasses", "belt", "bag"):
        yaw, pitch = {
            "shoe": (rng.choice([-1, 1]) * rng.uniform(0.5, 1.1), rng.uniform(0.25, 0.5)),
            "hat": (rng.uniform(-0.8, 0.8), rng.uniform(0.0, 0.25)),
            "glasses": (rng.uniform(-0.6, 0.6), rng.uniform(-0.05, 0.2)),
            "belt": (rng.uniform(-0.5, 0.5), rng.uniform(0.35, 0.7)),
            "bag": (rng.uniform(-0.5, 0.5), rng.uniform(0.0, 0.2)),
        }[shape]
    elif style == "flat":
        thick = 0.28
    elif style == "hanger":
        thick = 0.55
    elif style == "turned":
        yaw = float(rng.choice([-0.55, 0.55, np.pi]))
    lift = float({"flat": rng.uniform(0.35, 0.7), "hanger": rng.uniform(0.12, 0.22)}.get(style, rng.uniform(0.16, 0.3)))
    opening = float(rng.choice([0.0, 0.0, 0.45])) if product.type == "outerwear" and product.cut.closure else 0.0
    roll = float(rng.normal(0, 0.06 if style == "flat" else 0.012))
    return _Setup(style, float(yaw), float(pitch), roll, thick, lift, opening, float(rng.uniform(0.74, 0.9)))


def _laid_out(product: Product, setup: _Setup) -> list[Patch]:
    female = 0.7 if product.type in ("dresses", "skirts", "leggings") else 0.25
    spread = 0.06 if product.cut.shape == "legs" else 0.03
    pose = Pose(
        lift=(setup.lift, setup.lift), elbow=(0.08, 0.1), spread=(spread, spread), hip=(0.0, 0.0), knee=(0.02, 0.02)
    )
    figure = Figure(Skeleton(Build(female=female), pose), None)
    worn = Worn(product, 0, opening=setup.opening)
    patches = bag_alone(worn) if product.cut.shape == "bag" else garment_patches(figure, worn, (worn,))
    squash = np.array([1, 1, setup.thick], np.float32)
    return [replace(patch, points=patch.points * squash, two_sided=True) for patch in patches]


def _framed(patches: list[Patch], setup: _Setup, size: int, rng: np.random.Generator) -> tuple[np.ndarray, Camera]:
    """Turn the product and choose a distant camera so that it fills the wanted share of the picture."""
    rotation = _rotation(setup)
    points = np.concatenate([patch.points.reshape(-1, 3) for patch in patches]) @ rotation.T
    low, high = points.min(0), points.max(0)
    transform = np.column_stack([rotation, -(low + high) / 2]).astype(np.float32)
    focal = setup.fill * size * FAR / float(max(high[0] - low[0], high[1] - low[1]))
    centre = size / 2 + rng.uniform(-0.02, 0.02, 2) * size
    return transform, Camera(focal, (float(centre[0]), float(centre[1])), 0.0, FAR)


def _rotation(setup: _Setup) -> np.ndarray:
    def turn(angle: float, first: int, second: int) -> np.ndarray:
        matrix = np.eye(3)
        matrix[[first, second], [first, second]] = np.cos(angle)
        matrix[first, second], matrix[second, first] = -np.sin(angle), np.sin(angle)
        return matrix

    return (turn(setup.roll, 0, 1) @ turn(setup.pitch, 1, 2) @ turn(-setup.yaw, 0, 2)).astype(np.float32)


def _studio_light(rng: np.random.Generator) -> Light:
    direction = np.array([rng.uniform(-0.7, 0.7), rng.uniform(0.4, 0.9), 0.9])
    direction /= np.linalg.norm(direction)
    key, fill = rng.uniform(0.5, 0.62), rng.uniform(0.34, 0.42)
    return Light(tuple(float(v) for v in direction), (key,) * 3, (fill,) * 3, (0.7 * fill,) * 3)


def _paper(rng: np.random.Generator, size: int) -> np.ndarray:
    """The ground: white, or a light tint, a little darker to one side; (size, size, 3) float32 linear."""
    white = 1.02 if rng.random() < 0.6 else rng.uniform(0.68, 0.9)
    tint = 1 + rng.uniform(-0.03, 0.03, 3) * (white < 1)
    ramp = np.linspace(0, 1, size)[:, None] * rng.uniform(-0.05, 0.05) + np.linspace(0, 1, size)[None] * rng.uniform(
        -0.05, 0.05
    )
    return ((white + ramp * (white < 1))[..., None] * tint).astype(np.float32)


def _shadow(image: np.ndarray, layer: Layer, size: int, setup: _Setup) -> None:
    """A soft shadow round the product, heavier below it, in place."""
    x, y = layer.origin
    cover = np.zeros(image.shape[:2], np.float32)
    cover[y : y + layer.alpha.shape[0], x : x + layer.alpha.shape[1]] = layer.alpha
    near = cv2.GaussianBlur(cover, (0, 0), 0.008 * size)
    wide = cv2.GaussianBlur(cover, (0, 0), 0.03 * size)
    move = np.float32([[1, 0, 0.006 * size], [0, 1, 0.016 * size]])
    strength = 0.30 if setup.style == "flat" else 0.18
    shadow = cv2.warpAffine(0.6 * near + 0.4 * wide, move, (size, size))
    image *= (1 - strength * shadow)[..., None]


def _hanger(image: np.ndarray, transform: np.ndarray, camera: Camera, setup: _Setup) -> None:
    """A wooden hanger with a steel hook, behind the product, in place."""
    shape = np.array([[-0.19, 1.425, 0], [-0.1, 1.465, 0], [0, 1.50, 0], [0.1, 1.465, 0], [0.19, 1.425, 0]], np.float32)
    hook = np.array([[0, 1.50, 0], [0, 1.56, 0], [0.018, 1.585, 0], [0.012, 1.61, 0], [-0.014, 1.612, 0]], np.float32)
    scale = camera.focal / camera.distance
    for line, colour, width in ((hook, (0.5, 0.5, 0.5), 0.005), (shape, (0.12, 0.24, 0.42), 0.024)):
        screen, _ = camera.project(line @ transform[:, :3].T + transform[:, 3])
        points = np.round(screen * 16).astype(np.int32)
        cv2.polylines(image, [points], False, colour, max(1, round(width * scale)), cv2.LINE_AA, 4)
