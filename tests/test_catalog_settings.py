"""Links made by a template, the disclosure label, and catalogues of the format before."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from matcher.bundle import sha256_of
from matcher.catalog.catalog import Catalog
from matcher.catalog.check import check
from matcher.catalog.filters import Filters
from matcher.catalog.settings import Settings
from matcher.catalog.writer import CatalogWriter
from matcher.errors import InputError
from matcher.types import Product
from tests.catalogs import DIMENSION, EMBEDDER, random_entries, write_catalog

LINKS = [
    # (template, the feed's link, the link to show)
    ("", "https://shop.example/1", "https://shop.example/1"),
    ("{url}?utm_source=tv", "https://shop.example/1", "https://shop.example/1?utm_source=tv"),
    ("{url}?utm_source=tv", "https://shop.example/1?v=2#top", "https://shop.example/1?v=2&utm_source=tv#top"),
    ("{url}?p={id}", "https://shop.example/{id}", "https://shop.example/%7Bid%7D?p=a%2Fb"),
    ("https://aff.example/r?to={url_encoded}", "https://shop.example/1?v=2", None),
    ("https://shop.example/products/{group_id}", "", "https://shop.example/products/a%20hat"),
    ("{url}?utm_source=tv", "", ""),
]


@pytest.mark.parametrize(("template", "link", "expected"), LINKS)
def test_links(template: str, link: str, expected: str | None) -> None:
    made = Settings(template).link(Product("a/b", group_id="a hat", link=link))
    assert made == (
        expected if expected is not None else "https://aff.example/r?to=https%3A%2F%2Fshop.example%2F1%3Fv%3D2"
    )


BAD = [
    (("javascript:{url}",), "no address of http"),
    (("{url} x",), "no address of http"),
    (("{price}",), "may have {url}, {url_encoded}, {id}, {group_id}"),
    (("", "x" * 201), "disclosure label"),
    (("", "two\nlines"), "disclosure label"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_settings_that_are_refused(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Settings(*arguments)


def test_settings_are_kept_with_the_catalogue(tmp_path: Path) -> None:
    entries = random_entries(1, 3)
    for settings in (Settings("{url}?utm_source=tv", "Ad"), None):
        with CatalogWriter(tmp_path / "c", DIMENSION, EMBEDDER, settings=settings) as writer:
            for product, vectors in entries:
                writer.add(product, vectors)
            writer.commit()
        catalog = Catalog.load(tmp_path / "c")
        # The next generation keeps them unless it is told others.
        assert catalog.product(0).link == "https://shop.example/0?utm_source=tv"
        assert catalog.snapshot().table.stored(0).link == "https://shop.example/0"
        assert catalog.settings.disclosure == catalog.info()["disclosure"] == "Ad"


def test_the_format_before_is_read(tmp_path: Path) -> None:
    folder = write_catalog(tmp_path / "c", random_entries(1, 5)) / "gen-000001"
    table = sqlite3.connect(folder / "products.sqlite")
    table.executescript("ALTER TABLE product DROP COLUMN age_group; ALTER TABLE vector DROP COLUMN own; VACUUM")
    table.close()
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["settings"]
    manifest |= {"format": 1, "files": manifest["files"] | {"products.sqlite": sha256_of(folder / "products.sqlite")}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    catalog = Catalog.load(tmp_path / "c")
    assert catalog.products(range(5)) == [product for product, _ in random_entries(1, 5)]
    assert catalog.settings == Settings()
    assert [len(catalog.reconstruct(row)) for row in range(5)] == [1] * 5 and not check(tmp_path / "c").problems


def test_age_groups_can_be_filtered(tmp_path: Path) -> None:
    (_, vectors), *_ = random_entries(1, 1)
    with CatalogWriter(tmp_path / "c", DIMENSION, EMBEDDER) as writer:
        for group in ("kids", "adult"):
            writer.add(Product(group, type="tops", age_group=group), vectors)
        writer.commit()
    table = Catalog.load(tmp_path / "c").snapshot().table
    assert table.allowed(Filters(age_groups=("Kids",))).tolist() == [True, False]
