"""Malformed pictures: each kind of damage has a reason, no crash, and the pictures beside it are read."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.feeds.base import FeedItem, Picture
from indexer.pictures import MAX_PIXELS, Loaded, Source, load_ahead
from matcher.types import Product


def encoded(kind: str, size: tuple[int, int] = (40, 30), **options: object) -> bytes:
    """A good picture with some detail, in a format of Pillow's."""
    pixels = np.random.default_rng(1).integers(0, 255, (size[1] // 5 + 1, size[0] // 5 + 1, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize(size).save(file, kind, **options)
    return file.getvalue()


def png(width: int, height: int, *chunks: tuple[bytes, bytes], depth: int = 8, colour: int = 2) -> bytes:
    """A PNG file of a header that says this and any chunks."""
    header = (b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*one) for one in (header, *chunks))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


JPEG, PNG, WEBP, GIF = encoded("JPEG"), encoded("PNG"), encoded("WEBP"), encoded("GIF")
SIDE = int(MAX_PIXELS**0.5) + 1
DAMAGED = [
    # (name, bytes, part of the reason)
    ("empty.jpg", b"", "is empty"),
    ("text.jpg", b"no picture at all", "not a picture that can be read"),
    ("zeros.png", bytes(5000), "not a picture that can be read"),
    ("page.jpg", b"<!DOCTYPE html><html><body>404", "is a web page"),
    ("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "is an SVG drawing"),
    ("error.png", b'{"error": "not found"}', "is JSON"),
    ("denied.jpg", b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "is XML"),
    ("sheet.jpg", b"%PDF-1.7\n", "is a PDF document"),
    ("photo.heic", b"\0\0\0\x18ftypheic\0\0\0\0", "is a HEIC picture"),
    ("clip.jpg", b"\0\0\0\x18ftypisom\0\0\0\0", "is a video"),
    ("all.zip", b"PK\x03\x04" + bytes(40), "is an archive"),
    ("layers.jpg", b"8BPS\0\1" + bytes(40), "is a Photoshop document"),
    ("modern.jxl", b"\xff\x0a" + bytes(40), "is a JPEG XL picture"),
    ("cut.jpg", JPEG[: len(JPEG) // 2], "damaged"),
    ("start.jpg", JPEG[:3], "not a picture|damaged"),
    ("cut.png", PNG[: len(PNG) // 2], "damaged"),
    ("header.png", PNG[:20], "not a picture|damaged"),
    ("cut.webp", WEBP[: len(WEBP) // 2], "not a picture|damaged"),
    ("cut.gif", GIF[: len(GIF) // 2], "damaged"),
    ("crc.png", PNG[:29] + bytes(4) + PNG[33:], "damaged|not a picture"),
    ("zlib.png", png(8, 8, (b"IDAT", b"no zlib stream"), (b"IEND", b"")), "damaged"),
    ("short.png", png(800, 800, (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b"")), "damaged"),
    ("none.png", png(8, 8, (b"IEND", b"")), "damaged"),
    (
        "zero.png",
        png(0, 10, (b"IDAT", zlib.compress(b"")), (b"IEND", b"")),
        "damaged|the picture is 0x10|not a picture",
    ),
    ("depth.png", png(8, 8, (b"IDAT", zlib.compress(bytes(400))), (b"IEND", b""), depth=77), "damaged|not a picture"),
    (
        "bomb.png",
        png(60_000, 60_000, (b"IDAT", zlib.compress(bytes(100)))),
        "the picture is 60000x60000; at most 50 megapixels|too large",
    ),
    (
        "large.png",
        png(SIDE, SIDE, (b"IDAT", zlib.compress(bytes(100)))),
        f"the picture is {SIDE}x{SIDE}; at most 50 megapixels",
    ),
    ("full-bomb.png", png(30_000, 30_000, (b"IDAT", zlib.compress(bytes(1 << 24)))), "at most 50 megapixels|too large"),
    (
        "bomb.gif",
        b"GIF89a" + struct.pack("<HH", 65535, 65535) + bytes(20),
        "at most 50 megapixels|too large|not a|damaged",
    ),
    ("bomb.ppm", b"P6 99999 99999 255\n", "at most 50 megapixels|too large"),
    (
        "bomb.bmp",
        b"BM" + bytes(12) + struct.pack("<IiiHHI", 40, 99999, 99999, 1, 24, 0) + bytes(20),
        "megapixels|large",
    ),
    (
        "minus.bmp",
        b"BM" + bytes(12) + struct.pack("<IiiHHI", 40, -5, -5, 1, 24, 0) + bytes(20),
        "damaged|not a|picture is",
    ),
    ("bad.tif", b"II*\0" + struct.pack("<I", 1 << 30), "not a picture|damaged"),
    ("loop.tif", b"II*\0\x08\0\0\0" + bytes(2) + struct.pack("<I", 8), "not a picture|damaged"),
    ("text-bomb.png", png(8, 8, (b"zTXt", b"a\0\0" + zlib.compress(bytes(80 << 20)))), "damaged|large"),
]


def load(folder: Path, files: dict[str, bytes]) -> dict[str, Loaded]:
    """What becomes of picture files, each between the others."""
    for name, data in files.items():
        (folder / name).write_bytes(data)
    pictures = tuple(Picture(i, name, folder / name) for i, name in enumerate(files))
    return {one.picture.name: one for one in load_ahead([FeedItem(1, Product("1"), pictures)], Source())}


def test_each_damage_has_its_reason_and_good_pictures_stay(tmp_path: Path) -> None:
    files = {}
    for i, (name, data, _) in enumerate(DAMAGED):
        files |= {name: data, f"good{i}.jpg": JPEG}
    found = load(tmp_path, files)
    said = {name: found[name].error for name, *_ in DAMAGED}
    wrong = [
        (name, said[name]) for name, _, reason in DAMAGED if not any(part in said[name] for part in reason.split("|"))
    ]
    assert not wrong
    assert all(text.startswith(name) and "\n" not in text for name, text in said.items())
    good = [one for name, one in found.items() if name.startswith("good")]
    assert len(good) == len(DAMAGED) and all(one.image.shape == (30, 40, 3) and not one.error for one in good)
    assert len({data for _, data, _ in DAMAGED}) >= 34


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_random_damage_is_never_fatal(tmp_path: Path, kind: str) -> None:
    """Damaged files are read, as far as they can be, or have a reason."""
    rng = np.random.default_rng(list(kind.encode()))
    good = encoded(kind)
    files = {}
    for i in range(40):
        data = bytearray(good)
        for place in rng.integers(0, len(data), rng.integers(1, 20)).tolist():
            data[place] = int(rng.integers(256))
        files[f"{i}.bin"] = bytes(data[: int(rng.integers(1, len(data) + 1))] if i % 3 == 0 else data)
    for one in load(tmp_path, files).values():
        assert bool(one.error) == (one.image is None) and "\n" not in one.error
        assert one.image is None or (one.image.dtype == np.uint8 and one.image.ndim == 3 and one.image.size)


UPRIGHT = [
    # (value of EXIF's orientation, shape of what is read)
    (1, (30, 40, 3)),
    (3, (30, 40, 3)),
    (6, (40, 30, 3)),
    (8, (40, 30, 3)),
    (99, (30, 40, 3)),
]


@pytest.mark.parametrize(("orientation", "shape"), UPRIGHT)
def test_pictures_are_turned_upright(tmp_path: Path, orientation: int, shape: tuple[int, ...]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert load(tmp_path, {"a.jpg": encoded("JPEG", exif=exif)})["a.jpg"].image.shape == shape


def test_large_files_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    with path.open("wb") as file:
        file.truncate(101 << 20)  # takes no room on the disk
    (one,) = load_ahead([FeedItem(1, Product("1"), (Picture(1, "huge.jpg", path),))], Source())
    assert one.error == "huge.jpg: is larger than 100 MiB"
