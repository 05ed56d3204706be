"""Writes a sample shop: a product feed and a photo of every product."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import cv2

from matcher.errors import InputError
from matcher.wardrobe.packshot import render_packshot
from matcher.wardrobe.product import Product

COLUMNS = ("id", "image", "title", "type", "link", "price", "currency", "brand")


def write_shop(folder: Path, products: Iterable[Product], size: int = 512) -> Path:
    """Photograph products and list them.

    Args:
        folder: made if absent; gets products.csv and images/ID.jpg.
        products: what the shop sells.
        size: width and height of the photos in pixels.

    Returns:
        Path of products.csv.

    Raises:
        InputError: a file cannot be written.
    """
    folder = Path(folder)
    pictures = folder / "images"
    try:
        pictures.mkdir(parents=True, exist_ok=True)
        rows = [_entry(product, folder, size) for product in products]
        with (folder / "products.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise InputError(f"cannot write the shop to {folder}: {error.strerror}") from error
    return folder / "products.csv"


def _entry(product: Product, folder: Path, size: int) -> dict[str, str]:
    image, _ = render_packshot(product, size)
    name = f"images/{product.id}.jpg"
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 93])
    if not done:
        raise InputError(f"cannot encode {name}")
    (folder / name).write_bytes(data.tobytes())
    return {"image": name, **{column: getattr(product, column) for column in COLUMNS if column != "image"}}
