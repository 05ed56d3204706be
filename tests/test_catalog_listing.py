"""Products are found under their own type, and under others that they look like."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from matcher.catalog.catalog import Catalog
from matcher.catalog.check import check
from matcher.catalog.filters import Filters
from matcher.catalog.listing import LEAST, also_listed
from matcher.catalog.table import Origin
from matcher.catalog.writer import CatalogWriter
from matcher.taxonomy import TYPE_IDS, TYPES
from matcher.types import Product
from tests.catalogs import DIMENSION, EMBEDDER, normalised, random_entries
from tests.test_catalog_check import sign, sql

TORSO = ("dresses", "outerwear", "tops")
Listed = tuple[Product, NDArray[np.float32], list[NDArray[np.float32]]]


def looks(**probs: float) -> NDArray[np.float32]:
    """(T,) what a picture looks like."""
    result = np.zeros(len(TYPES), np.float32)
    for name, prob in probs.items():
        result[TYPE_IDS[name]] = prob
    return result


def entries(seed: int, count: int) -> list[Listed]:
    """Tops, dresses and outerwear with one to three vectors, each of which looks like any of these."""
    rng = np.random.default_rng(seed)
    result = []
    for product, vectors in random_entries(seed, count, 3):
        seen = [looks(**dict(zip(TORSO, rng.dirichlet(np.ones(3)), strict=True))) for _ in vectors]
        result.append((replace(product, type=str(rng.choice(TORSO))), vectors, seen))
    return result


def write(path: Path, listed: list[Listed]) -> Catalog:
    """A catalogue of these entries."""
    with CatalogWriter(path, DIMENSION, EMBEDDER) as writer:
        for product, vectors, seen in listed:
            writer.add(product, vectors, [Origin("a.jpg", type_probs=probs) for probs in seen])
        writer.commit()
    return Catalog.load(path)


def plain_search(listed: list[Listed], query: NDArray[np.float32], types: set[str], k: int) -> list[str]:
    """What the search must give, by comparing everything in a plain loop."""
    scored = []
    for row, (product, vectors, seen) in enumerate(listed):
        found = [
            float(np.float32((vector.astype(np.float64) * query).sum()))
            for vector, probs in zip(vectors, seen, strict=True)
            if types & {product.type, *(name for name in TORSO if probs[TYPE_IDS[name]] >= LEAST)}
        ]
        if found:
            scored.append((-max(found), row, product.id))
    return [product_id for _, _, product_id in sorted(scored)[:k]]


@pytest.mark.parametrize("k", [1, 5, 60])
def test_search_is_the_plain_search_and_names_a_product_once(tmp_path: Path, k: int) -> None:
    listed = entries(1, 60)
    catalog = write(tmp_path / "c", listed)
    rng = np.random.default_rng(2)
    queries = normalised(rng.normal(size=(20, DIMENSION)))
    chosen = [set(rng.choice(TORSO, 2, replace=False).tolist()) for _ in queries]
    probs = np.stack([looks(**dict.fromkeys(names, 0.5)) for names in chosen])
    rows, _ = catalog.search(queries, probs, k=k)
    found = [[product.id for product in catalog.products(row) if product is not None] for row in rows]
    assert found == [plain_search(listed, q, names, k) for q, names in zip(queries, chosen, strict=True)]
    assert all(len(set(ids)) == len(ids) for ids in found)


def test_filtered_equals_search_over_the_subset(tmp_path: Path) -> None:
    listed = entries(3, 80)
    whole = write(tmp_path / "whole", listed)
    subset = write(tmp_path / "subset", [one for one in listed if one[0].brand == "Ada"])
    queries = normalised(np.random.default_rng(4).normal(size=(10, DIMENSION)))
    probs = np.tile(looks(tops=0.6, dresses=0.4), (10, 1))
    rows, scores = whole.search(queries, probs, k=7, filters=Filters(brands=("ada",)))
    expected_rows, expected = subset.search(queries, probs, k=7)
    np.testing.assert_array_equal(scores, expected)
    for found, other in zip(rows, expected_rows, strict=True):
        assert whole.products(found) == subset.products(other)


def test_counts_are_of_own_vectors_and_check_finds_nothing_wrong(tmp_path: Path) -> None:
    listed = entries(5, 40)
    catalog = write(tmp_path / "c", listed)
    info = catalog.info()
    assert info["products"] == 40 and info["vectors"] == sum(len(vectors) for _, vectors, _ in listed)
    for name in TORSO:
        own = [len(vectors) for product, vectors, _ in listed if product.type == name]
        assert (info["types"][name]["products"], info["types"][name]["vectors"]) == (len(own), sum(own))
    for row, (_, vectors, _) in enumerate(listed):
        np.testing.assert_array_equal(catalog.reconstruct(row), vectors)
        assert len(catalog.snapshot().table.origins(row)) == len(vectors)
    findings = check(tmp_path / "c")
    assert not findings.problems and findings.self_recall == 1.0


def test_a_product_may_be_the_only_one_listed_under_a_type(tmp_path: Path) -> None:
    vector = normalised(np.ones((1, DIMENSION)))
    cardigan = Product("cardigan", type="outerwear")
    catalog = write(tmp_path / "c", [(cardigan, vector, [looks(dresses=0.7, outerwear=0.3)])])
    assert catalog.search(vector, looks(dresses=0.6, skirts=0.4)[None])[0][0, 0] == 0
    assert catalog.search(vector, looks(tops=0.6, skirts=0.4)[None])[0][0, 0] == -1
    dresses = catalog.info()["types"]["dresses"]
    assert (dresses["products"], dresses["vectors"]) == (0, 0)
    assert not check(tmp_path / "c").problems


def test_only_types_worn_at_the_same_place_are_listed() -> None:
    assert also_listed("outerwear", looks(dresses=0.4, tops=0.35, bags=0.4)) == ["dresses", "tops"]
    assert also_listed("pants", looks(pants=0.9, leggings=LEAST)) == ["leggings"]
    assert also_listed("tops", looks(tops=0.7, dresses=LEAST - 0.01)) == []
    assert also_listed("tops", None) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE product SET type = 'hats' WHERE type = 'tops'", "tops: .* another type in the product table"),
        ("UPDATE product SET type = 'dresses'", "dresses: .* listed as if they were of another type"),
        ("UPDATE vector SET own = 1", "vectors of other types, the manifest says"),
    ],
)
def test_listings_hide_no_damage(tmp_path: Path, change: str, told: str) -> None:
    write(tmp_path / "c", entries(6, 40))
    sql(tmp_path / "c", change)
    sign(tmp_path / "c")
    assert any(re.search(told, problem) for problem in check(tmp_path / "c").problems)
