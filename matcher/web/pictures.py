"""Pictures of products for pages: small JPEGs that we drew anew, never the files of a shop."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from pathlib import Path

import cv2

from matcher.errors import MediaError
from matcher.fetch.fetcher import Fetcher, FetchError
from matcher.fetch.sniff import not_a_picture
from matcher.types import Product
from matcher.video.image import read_image

SIDES = (160, 320, 640)  # longer side in pixels, the only ones that are made
_MOST_PIXELS = 50_000_000
_MOST_BYTES = 100 << 20  # of a file
_KEPT_BYTES = 64 << 20  # of JPEGs in memory
_QUALITY = 84
_AGAIN_S, _FAILURES = 60.0, 4096
_AT_ONCE = 2  # pictures decoded at a time, which take memory


class ProductPictures:
    """Reads or fetches the picture of a product, and keeps the small JPEGs made of it. For several threads."""

    def __init__(self, folder: Path | None = None, fetcher: Fetcher | None = None) -> None:
        """Say where pictures are.

        Args:
            folder: what relative names in the catalogue start from: the folder of the shop's feed. Nothing outside of
                it is read. None = such pictures are not shown.
            fetcher: for pictures of the web; None = those are not shown.
        """
        self._folder = folder.resolve() if folder is not None else None
        self._fetcher = fetcher
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._failed: OrderedDict[str, float] = OrderedDict()
        self._bytes = 0
        self._lock, self._turns = threading.Lock(), threading.Semaphore(_AT_ONCE)

    def jpeg(self, product: Product, side: int = 320) -> bytes | None:
        """The product's picture as a JPEG whose longer side is at most `side`; None where there is none to be had.

        Raises:
            ValueError: `side` is none of `SIDES`.
        """
        if side not in SIDES:
            raise ValueError(f"pictures are made with sides of {SIDES}, not {side}")
        key = (product.image, side)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            if time.monotonic() < self._failed.get(product.image, 0):
                return None
        made = self._make(product.image, side)
        self._keep(key, made)
        return made

    def close(self) -> None:
        """Let go of connections."""
        if self._fetcher is not None:
            self._fetcher.close()

    def _make(self, name: str, side: int) -> bytes | None:
        try:
            data = self._read(name)
            if data is None or not_a_picture(data):
                return None
            with self._turns:
                return small_jpeg(data, side)
        except (OSError, ValueError, FetchError, MediaError):  # ValueError: a name with a zero byte
            return None

    def _read(self, name: str) -> bytes | None:
        if name.lower().startswith(("http://", "https://")):
            return self._fetcher.fetch(name).data if self._fetcher is not None else None
        if self._folder is None or not name:
            return None
        path = (self._folder / name).resolve()
        # A feed is a stranger's: it must not make us show this machine's other files, by `..` or by a link.
        if not path.is_relative_to(self._folder) or not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return None
        return path.read_bytes()

    def _keep(self, key: tuple[str, int], data: bytes | None) -> None:
        with self._lock:
            if data is None:  # a shop that does not answer is not asked again at once
                self._failed[key[0]] = time.monotonic() + _AGAIN_S
                while len(self._failed) > _FAILURES:
                    self._failed.popitem(last=False)
                return
            self._bytes += len(data) - len(self._kept.pop(key, b""))
            self._kept[key] = data
            while self._bytes > _KEPT_BYTES:
                self._bytes -= len(self._kept.popitem(last=False)[1])


def small_jpeg(data: bytes, side: int) -> bytes:
    """Any picture as a new JPEG without its metadata, its longer side at most `side` pixels.

    Raises:
        MediaError: it is no picture, damaged or too large.
    """
    image = read_image(data, _MOST_PIXELS)
    scale = side / max(image.shape[:2])
    if scale < 1:
        size = max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()


def etag(data: bytes) -> str:
    """The mark of a picture for `ETag`, so that a browser that has it need not have it again."""
    return f'"{hashlib.sha256(data).hexdigest()[:24]}"'
