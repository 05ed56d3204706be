"""Names of data sets and feeds map to the types."""

from __future__ import annotations

from pathlib import Path

import pytest

from matcher.errors import ConfigError
from matcher.taxonomy import TYPES, load_taxonomy, type_of


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tops", "tops"),
        ("T-Shirt", "tops"),
        ("long sleeve top", "tops"),
        ("Long_Sleeve_Outwear", "outerwear"),
        ("top, t-shirt, sweatshirt", "tops"),  # Fashionpedia
        ("tights, stockings", "leggings"),
        ("vest dress", "dresses"),
        ("Sneakers", "footwear"),
        ("shoe", "footwear"),
        ("shorts", "pants"),
        ("SUNGLASSES", "eyewear"),
        ("handbags", "bags"),  # plural of a known name
        ("skin", None),
        ("", None),
    ],
)
def test_type_of(name: str, expected: str | None) -> None:
    assert type_of(name) == expected


@pytest.mark.parametrize("name", TYPES)
def test_types_map_to_themselves(name: str) -> None:
    assert type_of(name) == name


def test_own_taxonomy(tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    path.write_text('[types]\ntops = ["Oberteile"]\n', encoding="utf-8")
    assert type_of("OBERTEILE", load_taxonomy(path)) == "tops"


@pytest.mark.parametrize("text", ['[types]\nscarves = ["scarf"]\n', "types = ", "[other]\n"])
def test_bad_taxonomy_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="bad.toml"):
        load_taxonomy(path)
