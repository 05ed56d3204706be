"""Draws patches: painter's order into a buffer of triangle numbers, then one shading pass over the pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from matcher.wardrobe.light import Camera, Light
from matcher.wardrobe.mesh import Patch

SUBPIXEL = 4
BODY = -1


@dataclass
class Material:
    """Picture of a surface, (H, W, 4) uint8 BGR and height, with its shine (0..1) and strength of the relief."""

    picture: np.ndarray
    shine: float = 0.03
    relief: float = 1.0


@dataclass
class Layer:
    """One drawn person or product, cut to the part of the frame that it covers.

    Attributes:
        origin: pixel (x, y) of the upper left corner in the frame.
        colour: (h, w, 3) float32 linear-ish light 0..1, multiplied by `alpha`.
        alpha: (h, w) float32 coverage.
        owners: (h, w) int16, garment index of each pixel, -1 body, -2 nothing.
        depth: metres from the camera, for the order of layers.
        areas: pixels that each garment would cover with nothing in front and no frame to cut it, roughly.
    """

    origin: tuple[int, int]
    colour: np.ndarray
    alpha: np.ndarray
    owners: np.ndarray
    depth: float
    areas: dict[int, float]


@dataclass
class Atlas:
    """Pictures of all surfaces stacked into one, so that one look-up shades every pixel."""

    picture: np.ndarray
    place: dict[str, tuple[int, int, int]]
    material: dict[str, Material]

    @staticmethod
    def of(material: dict[str, Material], scale: float = 1.0) -> Atlas:
        """Stack pictures, shrunk by `scale` so that distant people do not shimmer."""
        pictures, place, top = [], {}, 0
        shrunk = {name: _shrink(entry.picture, scale) for name, entry in material.items()}
        width = max(picture.shape[1] for picture in shrunk.values())
        for name, picture in shrunk.items():
            height = picture.shape[0]
            place[name] = (top, height, picture.shape[1])
            pictures.append(cv2.copyMakeBorder(picture, 0, 0, 0, width - picture.shape[1], cv2.BORDER_REPLICATE))
            top += height
        return Atlas(np.concatenate(pictures), place, material)


def _shrink(picture: np.ndarray, scale: float) -> np.ndarray:
    if scale >= 1:
        return picture
    size = (max(4, round(picture.shape[1] * scale)), max(4, round(picture.shape[0] * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


@dataclass
class _Soup:
    """All triangles of a drawing, ready for the buffer: screen corners, attributes and what they belong to."""

    corners: np.ndarray
    values: np.ndarray
    owner: np.ndarray
    shine: np.ndarray
    relief: np.ndarray
    order: np.ndarray
    depth: float


def draw(
    patches: list[Patch],
    atlas: Atlas,
    transform: np.ndarray,
    camera: Camera,
    light: Light,
    frame: tuple[int, int],
    supersample: float = 2.0,
) -> Layer | None:
    """Draw patches as one layer.

    Args:
        patches: surfaces in the figure's own coordinates.
        atlas: pictures for every name that the patches use.
        transform: (3, 4) figure to world, metres.
        camera: where it is seen from, for a frame of the size `frame`.
        light: how it is lit.
        frame: (width, height) pixels.
        supersample: pixels drawn per pixel kept, along one side.

    Returns:
        The layer, or None where nothing falls into the frame.
    """
    fine = camera.zoomed(supersample)
    limits = (round(frame[0] * supersample), round(frame[1] * supersample))
    soup = _collect(patches, atlas, transform, fine)
    box = _window(soup, limits, supersample)
    if box is None:
        return None
    buffer = _fill(soup, box)
    colour, owners = _shade(soup, atlas, buffer, box, light, fine.focal / max(soup.depth, 0.1))
    return _reduce(colour, owners, box, supersample, soup)


def _collect(patches: list[Patch], atlas: Atlas, transform: np.ndarray, camera: Camera) -> _Soup:
    """Join the patches first, then transform and cull everything at once: many small steps cost more than one large."""
    sizes = [patch.points.shape[0] * patch.points.shape[1] for patch in patches]
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    triangles = [patch.triangles() for patch in patches]
    faces = np.concatenate([part + offset for part, offset in zip(triangles, offsets, strict=True)])
    world = np.concatenate([patch.points.reshape(-1, 3) for patch in patches]) @ transform[:, :3].T + transform[:, 3]
    screen, depth = camera.project(world)
    normal = np.concatenate([patch.normals().reshape(-1, 3) for patch in patches]) @ transform[:, :3].T
    normal /= np.maximum(np.sqrt(np.einsum("ij,ij->i", normal, normal)), 1e-9)[:, None]
    skin = np.concatenate([_surface_values(patch, atlas) for patch in patches])
    values = np.column_stack([skin[:, :2], normal, skin[:, 2], depth]).astype(np.float32)
    info = np.repeat(_patch_info(patches, atlas), [len(part) for part in triangles], axis=0)
    return _cull(screen[faces], values, faces, info)


def _patch_info(patches: list[Patch], atlas: Atlas) -> np.ndarray:
    """Per patch: owner, shine, relief, layer, whether both sides are drawn; (N, 5) float32."""
    rows = []
    for patch in patches:
        material = atlas.material[patch.texture]
        rows.append((patch.owner, material.shine, material.relief, patch.layer, patch.two_sided))
    return np.array(rows, np.float32)


def _surface_values(patch: Patch, atlas: Atlas) -> np.ndarray:
    """Per point: place in the atlas, x and y, and the light that reaches it; (R * C, 3) float32."""
    top, height, width = atlas.place[patch.texture]
    uv = patch.coordinates()
    values = np.empty((*uv.shape[:2], 3), np.float32)
    values[..., 0] = 0.5 + uv[..., 0].clip(0, 1) * (width - 2)
    values[..., 1] = top + 0.5 + uv[..., 1].clip(0, 1) * (height - 2)
    values[..., 2] = 1.0 if patch.occlusion is None else patch.occlusion
    return values.reshape(-1, 3)


def _cull(corners: np.ndarray, values: np.ndarray, faces: np.ndarray, info: np.ndarray) -> _Soup:
    """Drop triangles that face away; those with two sides are kept, turned round and darker."""
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    away = area > 0
    keep = (np.abs(area) > 1e-4) & (~away | (info[:, 4] > 0))
    corners, values, info, away = corners[keep], values[faces[keep]], info[keep], away[keep]
    values[away, :, 2:5] *= -1
    values[away, :, 5] *= 0.5
    depth = values[:, :, 6].mean(1)
    order = np.argsort(np.where(away, info[:, 3] * 0.2 - 0.004, info[:, 3]) - depth, kind="stable")
    middle = float(np.median(depth)) if len(depth) else 1.0
    return _Soup(corners, values, info[:, 0].astype(np.int16), info[:, 1], info[:, 2], order, middle)


def _window(soup: _Soup, limits: tuple[int, int], supersample: float) -> tuple[int, int, int, int] | None:
    """Part of the fine frame to draw, x0 y0 x1 y1, on whole pixels of the kept frame."""
    if not len(soup.corners):
        return None
    # two kept pixels are a whole number of drawn ones for every multiple of a half
    step = 2 * supersample
    low = np.floor(soup.corners.min((0, 1)) / step - 1) * step
    high = np.ceil(soup.corners.max((0, 1)) / step + 1) * step
    x0, y0 = (int(max(0, v)) for v in low)
    x1, y1 = int(min(limits[0], high[0])), int(min(limits[1], high[1]))
    return (x0, y0, x1, y1) if x1 - x0 >= 4 and y1 - y0 >= 4 else None


def _fill(soup: _Soup, box: tuple[int, int, int, int]) -> np.ndarray:
    """Buffer of triangle numbers + 1, far ones first, so that near ones stay."""
    x0, y0, x1, y1 = box
    buffer = np.zeros((y1 - y0, x1 - x0), np.int32)
    low, high = soup.corners.min(1), soup.corners.max(1)
    inside = (high[:, 0] > x0) & (low[:, 0] < x1) & (high[:, 1] > y0) & (low[:, 1] < y1)
    fixed = np.round((soup.corners - np.array([x0 + 0.5, y0 + 0.5], np.float32)) * (1 << SUBPIXEL)).astype(np.int32)
    fill = cv2.fillConvexPoly
    for index in soup.order[inside[soup.order]].tolist():
        fill(buffer, fixed[index], index + 1, cv2.LINE_8, SUBPIXEL)
    return buffer


def _plane(soup: _Soup) -> np.ndarray:
    """Each attribute of each triangle as a plane over the screen, (T, 7, 3): a + b * x + c * y."""
    origin = soup.corners[:, 0]
    first, second = soup.corners[:, 1] - origin, soup.corners[:, 2] - origin
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    start = soup.values[:, 0]
    rise_1, rise_2 = soup.values[:, 1] - start, soup.values[:, 2] - start
    along_x = (rise_1 * second[:, 1:2] - rise_2 * first[:, 1:2]) / area[:, None]
    along_y = (rise_2 * first[:, 0:1] - rise_1 * second[:, 0:1]) / area[:, None]
    base = start - along_x * origin[:, 0:1] - along_y * origin[:, 1:2]
    return np.stack([base, along_x, along_y], 2).astype(np.float32)


def _shade(
    soup: _Soup, atlas: Atlas, buffer: np.ndarray, box: tuple[int, int, int, int], light: Light, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    ys, xs = np.nonzero(buffer)
    triangle = buffer[ys, xs] - 1
    plane = _plane(soup)[triangle]
    at_x, at_y = (xs + box[0] + 0.5).astype(np.float32), (ys + box[1] + 0.5).astype(np.float32)
    values = plane[:, :, 0] + plane[:, :, 1] * at_x[:, None] + plane[:, :, 2] * at_y[:, None]
    low, high = soup.values.min(1), soup.values.max(1)
    np.clip(values, low[triangle], high[triangle], out=values)
    texel = _sample(atlas.picture, values)
    height = _spread(texel[:, 3].astype(np.float32), ys, xs, buffer.shape)
    normal = _bumped(values[:, 2:5], height, soup, buffer, ys, xs, triangle, scale)
    occlusion = values[:, 5] * _contact(values[:, 6], ys, xs, buffer, light, scale)
    colour = _lit(texel[:, :3], normal, occlusion, soup.shine[triangle], light)
    image = np.zeros((*buffer.shape, 3), np.float32)
    image[ys, xs] = colour
    owners = np.full(buffer.shape, -2, np.int16)
    owners[ys, xs] = soup.owner[triangle]
    return image, owners


def _sample(picture: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Look up (P, 4) texels; remap wants a picture-shaped map, so the list of pixels is folded into rows."""
    count = len(values)
    width = 4096
    rows = -(-count // width)
    maps = np.zeros((2, rows * width), np.float32)
    maps[:, :count] = values[:, :2].T
    texel = cv2.remap(picture, maps[0].reshape(rows, width), maps[1].reshape(rows, width), cv2.INTER_LINEAR)
    return texel.reshape(-1, 4)[:count]


def _spread(column: np.ndarray, ys: np.ndarray, xs: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    image = np.zeros(shape, np.float32)
    image[ys, xs] = column
    return image


def _bumped(
    normal: np.ndarray,
    height: np.ndarray,
    soup: _Soup,
    buffer: np.ndarray,
    ys: np.ndarray,
    xs: np.ndarray,
    triangle: np.ndarray,
    scale: float,
) -> np.ndarray:
    """Tilt the normals by the slope of the relief on the screen; steps at outlines are no slope."""
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)[ys, xs]
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)[ys, xs]
    # one unit of height is 0.3 mm; a slope is height over a pixel's width
    strength = soup.relief[triangle] * 0.0003 * scale
    limit = 0.9
    tilt_x, tilt_y = np.clip(slope_x * strength, -limit, limit), np.clip(slope_y * strength, -limit, limit)
    steep = (np.abs(slope_x) > 14) | (np.abs(slope_y) > 14)
    tilt_x[steep], tilt_y[steep] = 0, 0
    bumped = normal - np.stack([tilt_x, -tilt_y, np.zeros_like(tilt_x)], 1)
    length = np.sqrt(np.einsum("ij,ij->i", bumped, bumped))
    return bumped / np.maximum(length, 1e-6)[:, None]


def _contact(
    depth: np.ndarray, ys: np.ndarray, xs: np.ndarray, buffer: np.ndarray, light: Light, scale: float
) -> np.ndarray:
    """Soft shadow of what is in front: an arm on the body, the chin on the neck."""
    far = float(depth.max()) + 0.5
    image = np.full(buffer.shape, far, np.float32)
    image[ys, xs] = depth
    reach = max(1.0, 0.05 * scale)
    move = np.float32([[1, 0, -light.direction[0] * reach], [0, 1, light.direction[1] * reach]])
    small = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_NEAREST)
    move[:, 2] *= 0.5
    moved = cv2.warpAffine(small, move, small.shape[::-1], borderMode=cv2.BORDER_CONSTANT, borderValue=far)
    gap = small - moved
    shadow = np.clip(gap / 0.05 - 0.3, 0, 1) * (gap < 0.8)
    size = max(0.6, reach * 0.22)
    shadow = cv2.GaussianBlur(shadow.astype(np.float32), (0, 0), size)
    blurred = cv2.blur(np.minimum(small, far - 0.3), (max(3, int(reach * 0.7) | 1),) * 2)
    crease = np.clip((small - blurred) / 0.06, 0, 1) * (small < far)
    total = cv2.resize(0.45 * shadow + 0.3 * crease, buffer.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return 1 - np.clip(total[ys, xs], 0, 0.7)


def _lit(texel: np.ndarray, normal: np.ndarray, occlusion: np.ndarray, shine: np.ndarray, light: Light) -> np.ndarray:
    """Reflected light (P, 3) float32, linear, before exposure."""
    direction = np.asarray(light.direction, np.float32)
    key, sky, ground = (np.asarray(v, np.float32) for v in (light.key, light.sky, light.ground))
    facing = normal @ direction
    diffuse = np.clip((facing + 0.15) / 1.15, 0, 1) * occlusion
    up = 0.5 + 0.5 * normal[:, 1:2]
    around = (sky * up + ground * (1 - up)) * (0.45 + 0.55 * occlusion)[:, None]
    albedo = (texel.astype(np.float32) / 255) ** 2
    half = direction + np.array([0, 0, 1], np.float32)
    half /= np.linalg.norm(half)
    glint = np.clip(normal @ half, 0, 1)
    glint = glint ** (8 + 40 * shine) * shine * occlusion
    rim = np.clip(1 - normal[:, 2], 0, 1) ** 3 * 0.06 * occlusion
    return albedo * (diffuse[:, None] * key * 1.2 + around) + (glint * 0.8)[:, None] * key + rim[:, None] * sky


def _reduce(
    colour: np.ndarray, owners: np.ndarray, box: tuple[int, int, int, int], supersample: float, soup: _Soup
) -> Layer:
    size = (round((box[2] - box[0]) / supersample), round((box[3] - box[1]) / supersample))
    alpha = (owners > -2).astype(np.float32)
    small = cv2.resize(colour, size, interpolation=cv2.INTER_AREA)
    cover = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    kept = cv2.resize(owners, size, interpolation=cv2.INTER_NEAREST)
    origin = (round(box[0] / supersample), round(box[1] / supersample))
    kept[cover < 0.5] = -2
    return Layer(origin, small, cover, kept, soup.depth, _areas(soup, supersample))


def _areas(soup: _Soup, supersample: float) -> dict[int, float]:
    first, second = soup.corners[:, 1] - soup.corners[:, 0], soup.corners[:, 2] - soup.corners[:, 0]
    area = np.maximum(first[:, 1] * second[:, 0] - first[:, 0] * second[:, 1], 0) / (2 * supersample**2)
    totals = np.bincount(soup.owner + 1, weights=area)
    return {owner - 1: float(total) for owner, total in enumerate(totals) if owner > 0}


def placed(x: float, z: float, yaw: float, scale: float = 1.0, lift: float = 0.0) -> np.ndarray:
    """(3, 4) transform: scale, turn by `yaw` radians to the person's left, stand at (x, z) metres."""
    cosine, sine = np.cos(yaw) * scale, np.sin(yaw) * scale
    return np.array([[cosine, 0, sine, x], [0, scale, 0, lift], [-sine, 0, cosine, z]], np.float32)
