"""Single pictures: any common format, upright, as 8-bit BGR."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from matcher.errors import MediaError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")
MAX_PIXELS = 100_000_000
# Pillow's decoders raise many kinds on damaged files, and warnings where these are set to be errors.
_DAMAGE = (OSError, ValueError, SyntaxError, LookupError, TypeError, EOFError, MemoryError, Warning)
_DAMAGE += (ArithmeticError, AttributeError, RuntimeError, struct.error, zlib.error)
# Pillow warns of large and of slightly odd files; what we refuse is decided below. Set once: threads read pictures.
warnings.filterwarnings("ignore", module=r"PIL\.")


def read_image(source: str | Path | bytes, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Read a picture.

    EXIF rotation is applied, transparency becomes white, 16-bit, palette, grey and CMYK pictures become 8-bit BGR;
    of an animation the first picture is taken. The size is checked in the header, before anything is unpacked.

    Args:
        source: a path, or the file's bytes.
        max_pixels: larger pictures are refused.

    Returns:
        (H, W, 3) uint8 BGR, C-contiguous.

    Raises:
        MediaError: not found, not a picture, damaged, cut off or too large.
    """
    name = "the picture" if isinstance(source, bytes) else str(source)
    file = io.BytesIO(source) if isinstance(source, bytes) else Path(source)
    try:
        with Image.open(file, formats=FORMATS) as image:
            _check_size(image.size, max_pixels, name)
            rgb = _to_rgb(ImageOps.exif_transpose(image))
        return np.ascontiguousarray(np.asarray(rgb)[:, :, ::-1])
    except (FileNotFoundError, IsADirectoryError):
        raise MediaError(f"{name}: no such file") from None
    except UnidentifiedImageError:
        raise MediaError(f"{name}: not a picture that can be read here; give JPEG, PNG or WebP") from None
    except Image.DecompressionBombError:
        raise MediaError(f"{name}: the picture is too large") from None
    except MediaError:
        raise
    except _DAMAGE as error:
        raise MediaError(f"{name}: the picture is damaged ({error or type(error).__name__})") from error


def _check_size(size: tuple[int, int], max_pixels: int, name: str) -> None:
    width, height = size
    if width < 1 or height < 1 or width * height > max_pixels:
        limit = max_pixels / 1e6
        raise MediaError(f"{name}: the picture is {width}x{height}; at most {limit:.0f} megapixels are read")


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        return _from_16_bit(image).convert("RGB")
    if image.mode == "F":
        return Image.fromarray(np.clip(np.asarray(image), 0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _from_16_bit(image: Image.Image) -> Image.Image:
    """Pillow clips 16-bit grey at 255 when it converts; its upper byte is what is meant."""
    values = np.asarray(image).astype(np.int64)
    if values.max(initial=0) > 255:
        values = values >> 8
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
