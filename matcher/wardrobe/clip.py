"""Plays a clip in which drawn people wear a shop's products, and knows exactly what is seen when."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from matcher.video.writer import VideoWriter
from matcher.wardrobe.background import Backdrop, make_backdrop
from matcher.wardrobe.compose import paste_photo, shadows
from matcher.wardrobe.dressing import Wearer
from matcher.wardrobe.light import Camera
from matcher.wardrobe.noise import stream
from matcher.wardrobe.product import Product
from matcher.wardrobe.raster import Layer, placed
from matcher.wardrobe.story import Shot, cast, shots
from matcher.wardrobe.truth import Appearance, Sight, appearances, coco, sight, write_csv, write_json

STAGE = 1.3
SUPERSAMPLE = 1.5
GRAINS = 7


class Clip:
    """A drawn clip; equal arguments play equal clips.

    Attributes:
        size: (width, height) pixels.
        fps: frames a second.
        frames: number of frames.
    """

    def __init__(
        self,
        seed: int,
        products: list[Product],
        size: tuple[int, int] = (1280, 720),
        fps: Fraction = Fraction(30),
        seconds: float = 20,
        keep_every: int = 15,
    ) -> None:
        """Cast people and dress them from `products`; the masks of every `keep_every`-th frame go into truth.json."""
        self.size, self.fps = size, Fraction(fps)
        self.frames = max(1, round(seconds * self.fps))
        self._seed, self._keep_every = seed, keep_every
        self._people = cast(seed, products)
        self._shots = shots(seed)
        self._clear: list[set[str]] = []
        self._kept: dict[int, list[Sight]] = {}

    @cached_property
    def _wearers(self) -> list[Wearer]:
        density = float(np.clip(2 ** np.round(np.log2(self.size[1])), 128, 1024)) * 0.75
        return [Wearer(person, density) for person in self._people]

    def __len__(self) -> int:
        """Number of frames."""
        return self.frames

    def __iter__(self) -> Iterator[tuple[np.ndarray, list[Sight]]]:
        """Draw frame by frame: (H, W, 3) uint8 BGR, and every garment of which something is seen."""
        self._clear, self._kept = [], {}
        for number, shot in enumerate(self._shots):
            first, last = self._range(shot)
            take = _Take(self, shot, number) if last > first else None
            for frame in range(first, last):
                image, sights = take.frame(frame, self._wearers)
                self._clear.append({one.product_id for one in sights if one.clear})
                if frame % self._keep_every == 0:
                    self._kept[frame] = sights
                yield image, sights

    def _range(self, shot: Shot) -> tuple[int, int]:
        return round(shot.start * self.frames), round(shot.end * self.frames)

    @property
    def seed(self) -> int:
        """What the clip was made from."""
        return self._seed

    def cuts(self) -> set[int]:
        """Numbers of the frames that begin a new shot, the first frame not counted."""
        return {self._range(shot)[0] for shot in self._shots} - {0}

    def worn(self) -> list[str]:
        """Ids of all products that somebody wears, seen or not."""
        return sorted({worn.product.id for person in self._people for worn in person.outfit})

    def truth(self) -> list[Appearance]:
        """When each product is clearly seen; plays the clip first if it has not been played to its end."""
        if len(self._clear) < self.frames:
            for _ in self:
                pass
        return appearances(self._clear, self.cuts(), self.fps)

    def write_truth(self, folder: Path) -> None:
        """Write truth.csv (t_start,t_end,product_id in seconds) and truth.json (COCO with masks of some frames)."""
        write_csv(Path(folder) / "truth.csv", self.truth())
        write_json(Path(folder) / "truth.json", coco(self._kept, self.size))


class _Take:
    """One shot being played: its backdrop, and the steps from people to a finished frame."""

    def __init__(self, clip: Clip, shot: Shot, number: int) -> None:
        self._size, self._shot = clip.size, shot
        self._first, self._last = clip._range(shot)
        self._fps = clip.fps
        self._stage = (round(clip.size[0] * STAGE), round(clip.size[1] * 1.06))
        rng = stream(clip.seed, "take", number)
        self._backdrop: Backdrop = make_backdrop(
            int(rng.integers(1 << 31)), self._stage, shot.place, shot.horizon * clip.size[1] / self._stage[1]
        )
        self._plate = (np.sqrt(np.clip(self._backdrop.image, 0, 1)) * 255).astype(np.uint8)
        self._camera = shot.camera(clip.size, STAGE)
        grain = rng.standard_normal((GRAINS, clip.size[1], clip.size[0]), np.float32) * 2.2
        self._grain = np.repeat(np.clip(grain, -12, 12).astype(np.int8)[..., None], 3, -1)

    def frame(self, frame: int, wearers: list[Wearer]) -> tuple[np.ndarray, list[Sight]]:
        """Draw one frame of the clip."""
        count = self._last - self._first
        share = (frame - self._first) / max(1, count - 1)
        camera, image = self._look(share)
        owners = np.full(image.shape[:2], -1, np.int16)
        drawn = self._people(float((frame - self._first) / self._fps), float(count / self._fps), camera, wearers)
        standing = [(layer, x, z) for layer, x, z, _ in drawn]
        kept = shadows(self._size, standing, camera, self._backdrop.light, self._backdrop.outdoor)
        # light that is multiplied linearly is multiplied by its root on the finished picture
        keep = np.sqrt(kept) * 255
        image = cv2.multiply(image, cv2.merge([keep.astype(np.uint8)] * 3), scale=1 / 255)
        garments: list[tuple[int, str, str, float]] = []
        for layer, _, _, wearer in sorted(drawn, key=lambda entry: entry[2]):
            first = len(garments)
            paste_photo(image, owners, layer, first)
            garments += [
                (first + worn.owner, worn.product.id, worn.product.type, layer.areas.get(worn.owner, 0.0))
                for worn in wearer.person.outfit
            ]
        return self._finish(image, share, frame), _sights(owners, garments)

    def _look(self, share: float) -> tuple[Camera, np.ndarray]:
        """The camera of this moment and the backdrop seen through it."""
        zoom, pan = self._shot.view(share)
        width, height = self._size
        centre_x = self._stage[0] / 2 + pan * width
        centre_y = 0.5 * height - 0.14 * height * (zoom - 1) / max(zoom, 1e-6)
        shift = (width / 2 - zoom * centre_x, height / 2 - zoom * centre_y)
        move = np.float32([[zoom, 0, shift[0]], [0, zoom, shift[1]]])
        image = cv2.warpAffine(self._plate, move, self._size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return self._camera.zoomed(zoom, shift), image

    def _people(
        self, seconds: float, total: float, camera: Camera, wearers: list[Wearer]
    ) -> list[tuple[Layer, float, float, Wearer]]:
        drawn = []
        for who, act in self._shot.acts.items():
            stand, wearer = act(seconds, total), wearers[who]
            transform = placed(stand.x, stand.z, stand.yaw, wearer.person.build.height / 1.75)
            layer = wearer.draw(stand.pose, transform, camera, self._backdrop.light, self._size, SUPERSAMPLE)
            if layer is not None:
                drawn.append((layer, stand.x, stand.z, wearer))
        return drawn

    def _finish(self, image: np.ndarray, share: float, frame: int) -> np.ndarray:
        """The light of the moment, a little softness and grain."""
        levels = np.arange(256, dtype=np.float32)[:, None] * np.sqrt(np.asarray(self._shot.light(share), np.float32))
        image = cv2.LUT(image, np.clip(levels, 0, 255).astype(np.uint8)[None])
        image = cv2.GaussianBlur(image, (3, 3), 0.5)
        return cv2.add(image, self._grain[frame * 5 % GRAINS], dtype=cv2.CV_8U)


def _sights(owners: np.ndarray, garments: list[tuple[int, str, str, float]]) -> list[Sight]:
    found = (sight(product_id, kind, owners == number, whole) for number, product_id, kind, whole in garments)
    return [one for one in found if one is not None]


def write_clip(path: Path, clip: Clip) -> Path:
    """Play a clip into a file, H.264 where there is an encoder, else MPEG-4; frame n is shown at n / fps seconds.

    Args:
        path: ending in .mp4, .m4v, .mov or .mkv.
        clip: what to play.

    Returns:
        The path.

    Raises:
        InputError: the ending is unknown or the folder cannot be written to.
    """
    with VideoWriter(path, clip.size, clip.fps, 1 / clip.fps) as writer:
        for frame, (image, _) in enumerate(clip):
            writer.write(image, frame)
    return Path(path)
