"""Wardrobe, packshots and the sample shop."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from matcher.errors import InputError
from matcher.taxonomy import TYPES
from matcher.wardrobe.cuts import CUTS
from matcher.wardrobe.fabric import CLOTHS, PATTERNS, Fabric, fabric_tile
from matcher.wardrobe.packshot import render_packshot
from matcher.wardrobe.product import Product, make_product, make_wardrobe
from matcher.wardrobe.shop import write_shop


@pytest.fixture(scope="module")
def wardrobe() -> list[Product]:
    return make_wardrobe(seed=4, per_type=2)


def test_every_type_has_several_cuts_and_a_place_in_the_wardrobe(wardrobe: list[Product]) -> None:
    assert tuple(CUTS) == TYPES
    assert min(len(cuts) for cuts in CUTS.values()) >= 4
    assert [product.type for product in wardrobe] == [kind for kind in TYPES for _ in range(2)]
    assert len({product.id for product in wardrobe}) == len(wardrobe)


def test_equal_seeds_make_equal_wardrobes(wardrobe: list[Product]) -> None:
    assert make_wardrobe(seed=4, per_type=2) == wardrobe
    assert make_wardrobe(seed=5, per_type=2) != wardrobe


def test_products_of_a_type_do_not_look_alike() -> None:
    products = make_wardrobe(seed=0, per_type=6)
    looks = {(product.type, product.cut.name, product.fabric.pattern, product.fabric.dyes[0]) for product in products}
    assert len(looks) == len(products)


def test_a_type_that_runs_out_of_looks_still_fills_up() -> None:
    products = [product for product in make_wardrobe(seed=0, per_type=70) if product.type == "eyewear"]
    assert len({product.id for product in products}) == 70


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_differ_from_plain_and_depend_on_the_seed_alone(pattern: str) -> None:
    fabric = Fabric(pattern, "jersey", ("navy", "white", "red"), 1.0, 3)
    fabric_tile.cache_clear()
    first = fabric_tile(fabric)
    fabric_tile.cache_clear()
    assert np.array_equal(first, fabric_tile(fabric))
    assert first.shape == (256, 256, 4)
    spread = float(first[..., :3].astype(float).std((0, 1)).max())
    assert spread < 8 if pattern == "plain" else spread > 15


@pytest.mark.parametrize("cloth", CLOTHS)
def test_tiles_repeat_without_a_step(cloth: str) -> None:
    tile = fabric_tile(Fabric("plain", cloth, ("grey",), 1.0, 1)).astype(float)
    inside = np.abs(np.diff(tile[..., 0], axis=1)).mean()
    across = np.abs(tile[:, 0, 0] - tile[:, -1, 0]).mean()
    assert across <= 3 * inside + 3


@pytest.mark.parametrize("kind", TYPES)
def test_a_packshot_shows_its_product_on_a_light_ground(kind: str) -> None:
    product = make_product("one", kind, 11)
    for view in range(4):
        image, mask = render_packshot(product, 160, view)
        assert image.shape == (160, 160, 3) and image.dtype == np.uint8
        assert mask.shape == (160, 160) and mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 1}
        assert mask.mean() > 0.005
        assert image[0, 0].min() > 150 and image[-1, -1].min() > 150
        assert not mask[[0, -1]].any() and not mask[:, [0, -1]].any()


def test_views_differ_and_repeat(wardrobe: list[Product]) -> None:
    product = wardrobe[-1]
    first, again, other = (render_packshot(product, 128, view)[0] for view in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_shop_is_a_feed_with_a_readable_picture_for_every_product(tmp_path: Path, wardrobe: list[Product]) -> None:
    feed = write_shop(tmp_path / "shop", wardrobe[::2], size=96)
    with feed.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [product.id for product in wardrobe[::2]]
    for row, product in zip(rows, wardrobe[::2], strict=True):
        assert cv2.imread(str(feed.parent / row["image"])).shape == (96, 96, 3)
        assert row["link"] == f"https://shop.example/{product.id}"
        assert (row["title"], row["type"], row["currency"]) == (product.title, product.type, "EUR")
        assert float(row["price"]) > 0 and row["brand"]


def test_a_shop_that_cannot_be_written_is_refused_plainly(tmp_path: Path, wardrobe: list[Product]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write the shop"):
        write_shop(tmp_path / "file" / "shop", wardrobe[:1], size=64)
