"""`asworn catalog` export, gc, and the duplicates that check lists."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from indexer.feeds.open import open_feed
from matcher.catalog.catalog import Catalog
from matcher.catalog.duplicates import find_duplicates
from matcher.catalog.gc import collect
from matcher.catalog.settings import Settings
from matcher.catalog.table import Origin
from matcher.catalog.writer import CatalogWriter
from matcher.cli.catalog import app
from matcher.errors import CatalogError, InputError
from matcher.types import Product
from tests.catalogs import DIMENSION, EMBEDDER, normalised, random_entries, write_catalog


def run(*arguments: str | Path) -> Result:
    """Run `asworn catalog`."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """Thirty products with up to three vectors each."""
    return write_catalog(tmp_path / "c", random_entries(3, 30, most_views=3))


def test_products_are_written(catalog: Path, tmp_path: Path) -> None:
    products = Catalog.load(catalog).products(range(30))
    assert run("export", catalog, "--out", tmp_path / "a.csv").exit_code == 0
    assert run("export", catalog, "--out", tmp_path / "a.jsonl").exit_code == 0
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [product.id for product in products]
    records = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    fields = [{name: value for name, value in one.items() if name != "images"} for one in records]
    assert [Product(**one) for one in fields] == products
    assert not list(tmp_path.glob(".*part"))


def test_a_written_table_can_be_indexed_again(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.jpg").touch()
    product = Product(
        "1", "=Shirt", "tops", "G", "Ada", "blue", "women", "adult", 9.5, "EUR", "in stock", image="a.jpg"
    )
    with CatalogWriter(tmp_path / "c", DIMENSION, EMBEDDER, settings=Settings("{url}?x=1")) as writer:
        vectors = random_entries(1, 2)
        origins = [Origin("a.jpg"), Origin("b.jpg")]
        writer.add(product, np.array([vectors[0][1][0], vectors[1][1][0]]), origins)
        writer.commit()
    run("export", tmp_path / "c", "--out", tmp_path / "again.csv")
    (item,) = open_feed(tmp_path / "again.csv").read().items
    # A spreadsheet would run a cell that begins with "=": it is quoted.
    assert item.product.title == "'=Shirt" and item.product.price == 9.5 and item.product.type == "tops"
    assert [picture.name for picture in item.pictures] == ["a.jpg", "b.jpg"]


def test_vectors_are_written(catalog: Path, tmp_path: Path) -> None:
    assert "vectors written" in run("export", catalog, "--out", tmp_path / "v.npz").stdout
    arrays = np.load(tmp_path / "v.npz", allow_pickle=False)
    loaded = Catalog.load(catalog)
    for row, product in enumerate(loaded.products(range(30))):
        np.testing.assert_array_equal(arrays["vectors"][arrays["ids"] == product.id], loaded.reconstruct(row))
    assert len(arrays["types"]) == len(arrays["images"]) == loaded.info()["vectors"]


@pytest.mark.parametrize("name", ["a.txt", "missing/a.csv"])
def test_what_cannot_be_written_is_told(catalog: Path, tmp_path: Path, name: str) -> None:
    failed = run("export", catalog, "--out", tmp_path / name)
    assert isinstance(failed.exception, InputError)


def test_gc_removes_what_is_not_needed(catalog: Path) -> None:
    for seed in (4, 5):
        write_catalog(catalog, random_entries(seed, 10))
    old = Catalog.load(catalog)
    write_catalog(catalog, random_entries(6, 10))
    (catalog / "partial-dead").mkdir()
    (catalog / "partial-dead" / "tops.faiss").write_bytes(bytes(2_000_000))
    (catalog / "work.sqlite").write_bytes(bytes(1000))
    (catalog / "CURRENT.1.new").touch()
    (catalog / "notes.txt").touch()
    freed = collect(catalog, keep_previous=True, keep_work=True)
    assert freed.names == ("CURRENT.1.new", "partial-dead") and freed.size == 2_000_000
    done = run("gc", catalog)
    assert "removed gen-000003" in done.stdout and "removed work.sqlite" in done.stdout
    assert sorted(path.name for path in catalog.iterdir()) == ["CURRENT", "gen-000004", "notes.txt"]
    # Who has a generation open keeps it.
    assert old.product(0) == random_entries(5, 10)[0][0] and len(old.reconstruct(0))
    assert Catalog.load(catalog).generation == 4


def test_gc_waits_for_no_writer(catalog: Path, tmp_path: Path) -> None:
    with CatalogWriter(catalog, DIMENSION, EMBEDDER):
        with pytest.raises(CatalogError, match="being written by process"):
            collect(catalog)
    with pytest.raises(CatalogError, match="no catalogue at"):
        collect(tmp_path / "none")


def test_products_that_look_the_same_are_listed(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    base = normalised(rng.normal(size=(4, DIMENSION)))
    near = normalised(base[0] + 0.002 * rng.normal(size=DIMENSION))
    listings = [
        # (id, group, vector, content)
        ("a", "", base[0], "one"),
        ("b", "", near, "two"),  # another photo of the same
        ("c", "G", base[1], "three"),
        ("d", "G", base[1], "three"),  # a variant of c
        ("e", "", base[2], "four"),
        ("f", "H", base[2], "four"),  # the same picture
        ("g", "", base[3], "five"),
    ]
    with CatalogWriter(tmp_path / "c", DIMENSION, EMBEDDER) as writer:
        for name, group, vector, content in listings:
            writer.add(Product(name, type="tops", group_id=group), vector, [Origin(f"{content}.jpg", content)])
        writer.add(Product("other", type="bags"), base[0])
        writer.commit()
    found = find_duplicates(Catalog.load(tmp_path / "c").snapshot())
    assert [(one.ids, one.same_picture) for one in found] == [(("a", "b"), False), (("e", "f"), True)]
    assert found[0].score >= 0.995 and found[1].score == 1
    # However few are searched for, the very same picture is found.
    few = find_duplicates(Catalog.load(tmp_path / "c").snapshot(), most_vectors=1)
    assert ("e", "f") in [one.ids for one in few]
    shown = run("check", tmp_path / "c")
    assert "4 products look like another one, in 2 groups" in shown.stdout and "the catalogue is sound" in shown.stdout
    told = json.loads(run("check", tmp_path / "c", "--json").stdout)
    assert [group["ids"] for group in told["duplicates"]] == [["a", "b"], ["e", "f"]]
