"""Pictures of every kind come out upright, on white, as 8-bit BGR; others are refused in one line."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from matcher.errors import MediaError
from matcher.video.image import FORMATS, read_image
from tests import clips

BGR = clips.picture(3, 60, 40)
RGB = Image.fromarray(BGR[:, :, ::-1])


def packed(image: Image.Image, kind: str, **how: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def off(image: np.ndarray, expected: np.ndarray = BGR) -> float:
    assert image.dtype == np.uint8 and image.flags.c_contiguous and image.shape == expected.shape
    return float(np.abs(image.astype(int) - expected).mean())


@pytest.mark.parametrize("kind", FORMATS)
def test_formats(kind: str) -> None:
    lossy = kind in ("JPEG", "WEBP", "AVIF")
    assert off(read_image(packed(RGB, kind))) <= (6 if lossy else 0)


def test_a_path_and_bytes_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "größe.png"
    path.write_bytes(packed(RGB, "PNG"))
    assert off(read_image(path)) == off(read_image(str(path))) == 0


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "CMYK", "I;16"])
def test_modes(mode: str) -> None:
    grey = np.repeat(np.asarray(RGB.convert("L"))[:, :, None], 3, 2)
    if mode == "CMYK":
        assert off(read_image(packed(RGB.convert("CMYK"), "JPEG", quality=95))) < 6
    elif mode == "P":
        assert off(read_image(packed(RGB.quantize(16), "PNG"))) < 2
    elif mode == "1":
        bits = np.asarray(RGB.convert("1"))[:, :, None] * np.full(3, 255, np.uint8)
        assert off(read_image(packed(RGB.convert("1"), "PNG")), bits) == 0
    elif mode == "I;16":
        deep = Image.fromarray(np.asarray(RGB.convert("L")).astype(np.uint16) * 257)
        assert off(read_image(packed(deep, "PNG")), grey) == 0
    else:
        assert off(read_image(packed(RGB.convert(mode), "PNG")), grey) == 0


def test_sixteen_bits_a_channel(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "deep.png"), BGR.astype(np.uint16) * 257)
    assert off(read_image(tmp_path / "deep.png")) <= 1


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparency_is_laid_on_white(kind: str) -> None:
    alpha = np.zeros((40, 60), np.uint8)
    alpha[:, 30:] = 255
    rgba = Image.fromarray(np.dstack([np.asarray(RGB), alpha]))
    image = read_image(packed(rgba, kind, lossless=True))
    assert (image[:, :30] == 255).all()
    assert off(image[:, 30:].copy(), BGR[:, 30:]) == 0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int) -> None:
    turned = {
        1: BGR,
        2: BGR[:, ::-1],
        3: BGR[::-1, ::-1],
        4: BGR[::-1],
        5: BGR.transpose(1, 0, 2),
        6: np.rot90(BGR, -1),
        7: np.rot90(BGR.transpose(1, 0, 2), 2),
        8: np.rot90(BGR),
    }
    exif = Image.Exif()
    exif[0x112] = orientation
    assert off(read_image(packed(RGB, "PNG", exif=exif)), turned[orientation]) == 0


def _png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))


REFUSED = {
    "nothing": (b"", "not a picture"),
    "text": (b"hello" * 100, "not a picture"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
    "vector": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
    "cut JPEG": (packed(RGB, "JPEG", quality=95)[:700], "damaged"),
    "cut PNG": (packed(RGB, "PNG")[:150], "damaged"),
    "a little too large": (_png_header(10_001, 10_000), "megapixels"),
    "a bomb": (_png_header(60_000, 60_000), "too large"),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    data, words = REFUSED[case]
    with pytest.raises(MediaError, match=words) as caught:
        read_image(data)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(MediaError, match="no such file"):
            read_image(path)


def test_any_damage_is_a_media_error_or_a_picture() -> None:
    rng = np.random.default_rng(1)
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        good = packed(RGB, kind)
        for _ in range(30):
            bad = bytearray(good)
            for place in rng.integers(0, len(bad), 6):
                bad[place] = rng.integers(256)
            try:
                assert read_image(bytes(bad)).ndim == 3
            except MediaError:
                pass
