"""Catalogues that must be refused: missing, damaged, of another embedder or format, or pointing outside."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from matcher.bundle import sha256_of
from matcher.catalog.catalog import Catalog
from matcher.errors import CatalogError
from tests.catalogs import EMBEDDER, random_entries, write_catalog

GENERATION = "gen-000001"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A catalogue of 20 products."""
    return write_catalog(tmp_path / "shop.catalog", random_entries(1, 20))


def edit_manifest(root: Path, **changes: object) -> None:
    """Change fields of the manifest."""
    path = root / GENERATION / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_another_embedder_is_refused_with_the_command(made: Path) -> None:
    assert len(Catalog.load(made, EMBEDDER)) == 20
    with pytest.raises(CatalogError, match=f"another embedder .*asworn index FEED --out {made}"):
        Catalog.load(made, "f" * 64)


@pytest.mark.parametrize("name", ["products.sqlite", "bags.faiss", "dresses.faiss"])
@pytest.mark.parametrize("place", [0, 40, -1])
def test_a_flipped_bit_is_noticed(made: Path, name: str, place: int) -> None:
    path = made / GENERATION / name
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(CatalogError, match=f"{name} is damaged"):
        Catalog.load(made)


@pytest.mark.parametrize("name", ["products.sqlite", "bags.faiss", "manifest.json"])
def test_a_missing_or_cut_file_is_noticed(made: Path, name: str) -> None:
    path = made / GENERATION / name
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CatalogError, match=f"{name} is damaged"):
        Catalog.load(made)
    path.unlink()
    with pytest.raises(CatalogError, match=f"{name} is missing; rebuild it with: asworn index"):
        Catalog.load(made)


DAMAGES: list[tuple[Callable[[Path], object], str]] = [
    # (what is done to the catalogue, what the message says)
    (lambda root: shutil.rmtree(root), "no catalogue at .*asworn index"),
    (lambda root: (root / "CURRENT").unlink(), "no catalogue at"),
    (lambda root: (root / "CURRENT").write_text("../../etc"), "names no generation"),
    (lambda root: (root / "CURRENT").write_text(""), "names no generation"),
    (lambda root: (root / "CURRENT").write_bytes(b"\xff\x00"), "names no generation"),
    (lambda root: (root / "CURRENT").write_text("gen-000009"), "is missing"),
    (lambda root: edit_manifest(root, format=99), "format 99, this version reads 1, 2, 3, 4"),
    (lambda root: edit_manifest(root, kind="telepathy"), "unknown kind"),
    (lambda root: edit_manifest(root, dimension=5), "does not fit the manifest"),
    (lambda root: edit_manifest(root, dimension="5"), "lacks dimension"),
    (lambda root: edit_manifest(root, products=5), "has 20 products, not 5"),
    (lambda root: edit_manifest(root, surprise=5), "is damaged"),
    (lambda root: edit_manifest(root, files={}), "no hash of products.sqlite"),
    (lambda root: edit_manifest(root, types={"hats": {"vectors": 1}}), "damaged at hats"),
    (lambda root: edit_manifest(root, types={"hats": {"file": "../../x", "vectors": 1}}), "outside its folder"),
    (lambda root: edit_manifest(root, types={"hats": {"file": "/etc/passwd", "vectors": 1}}), "outside its folder"),
    (lambda root: edit_manifest(root, types={"socks": {"file": "x", "vectors": 1}}), "unknown type socks"),
    (lambda root: (root / GENERATION / "manifest.json").write_text("[]"), "format None"),
    (lambda root: (root / GENERATION / "manifest.json").write_text("{"), "is damaged"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGES)
def test_damage_is_told_in_one_line(made: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(made)
    with pytest.raises(CatalogError, match=message) as caught:
        Catalog.load(made)
    assert "\n" not in str(caught.value) and caught.value.exit_status == 2


def test_a_table_that_contradicts_the_index_is_refused(made: Path) -> None:
    path = made / GENERATION / "products.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM vector WHERE type = 0 AND position = 1")
    connection.commit()
    connection.close()
    manifest = json.loads((made / GENERATION / "manifest.json").read_text())
    edit_manifest(made, files={**manifest["files"], "products.sqlite": sha256_of(path)})
    with pytest.raises(CatalogError, match="inconsistent about bags"):
        Catalog.load(made)
