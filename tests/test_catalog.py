"""Search: exact, of the two likeliest types, per product, and the same filtered as over the subset alone."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from matcher.catalog.catalog import Catalog
from matcher.catalog.filters import Filters
from matcher.config import LookupConfig
from matcher.stages.lookup import nearest
from matcher.taxonomy import TYPE_IDS, TYPES
from matcher.types import Product
from tests.catalogs import DIMENSION, EMBEDDER, Entry, normalised, random_entries, random_queries, write_catalog

FILTERS = [
    Filters(brands=("ada",)),
    Filters(price_min=20, price_max=90),
    Filters(price_max=60, currency="eur"),
    Filters(genders=("women", "")),
    Filters(availability=("in stock",), brands=("Bo", "Cy")),
    Filters(ids=tuple(f"p{i}" for i in range(0, 300, 7))),
    Filters(types=("belts", "dresses")),
    Filters(brands=()),
]


def one_hot(*names: str) -> NDArray[np.float32]:
    """(N, T) certain of these types."""
    return np.eye(len(TYPES), dtype=np.float32)[[TYPE_IDS[name] for name in names]]


def plain_search(
    entries: list[Entry], query: NDArray[np.float32], probs: NDArray[np.float32], k: int
) -> list[tuple[str, float]]:
    """What the search must give, by comparing everything in a plain loop: product ids and scores."""
    types = [TYPES[i] for i in sorted(range(len(TYPES)), key=lambda i: (-probs[i], i))[:2] if probs[i] > 0]
    scored = []
    for row, (product, vectors) in enumerate(entries):
        if product.type in types:
            score = np.float32(min(max((vectors.astype(np.float64) * query).sum(1)), 1))
            scored.append((-score, row, product.id))
    return [(product_id, -score) for score, _, product_id in sorted(scored)[:k]]


def answers(catalog: Catalog, rows: NDArray, scores: NDArray) -> list[list[tuple[str, float]]]:
    """Rows and scores as (product id, score) pairs, without the padding."""
    table = []
    for row, score in zip(rows, scores, strict=True):
        assert (score[row == -1] == -1).all()
        table.append([(catalog.product(r).id, s) for r, s in zip(row, score, strict=True) if r != -1])
    return table


CASES = [
    # (products, most vectors of one, distinct vectors)
    (300, 1, None),
    (300, 4, None),
    (300, 1, 12),  # about 25 products share each vector
    (300, 4, 12),
    (3, 1, None),  # fewer products than wanted
]


@pytest.mark.parametrize(("count", "views", "distinct"), CASES)
@pytest.mark.parametrize("queries", [1, 3, 40])  # FAISS computes few and many queries in different ways
def test_search_is_the_plain_search(tmp_path: Path, count: int, views: int, distinct: int | None, queries: int) -> None:
    entries = random_entries(1, count, views, distinct)
    catalog = Catalog.load(write_catalog(tmp_path / "c", entries))
    embeddings, probs = random_queries(2, queries, entries)
    found = answers(catalog, *catalog.search(embeddings, probs, k=5))
    assert found == [plain_search(entries, q, p, 5) for q, p in zip(embeddings, probs, strict=True)]


@pytest.mark.parametrize("queries", [1, 40])
def test_nearly_equal_vectors_are_ranked_exactly(tmp_path: Path, queries: int) -> None:
    """Differences below the rounding of FAISS's sums: its own order, and its choice at the end, are not to be used."""
    rng = np.random.default_rng(11)
    base = normalised(rng.normal(size=DIMENSION))
    near = base + rng.normal(0, 6e-8, (400, DIMENSION)).astype(np.float32)
    entries = [(Product(f"p{i}", type="tops"), vector) for i, vector in enumerate(near)]
    catalog = Catalog.load(write_catalog(tmp_path / "c", entries))
    embeddings = normalised(base + rng.normal(0, 0.02, (queries, DIMENSION)))
    probs = one_hot(*["tops"] * queries)
    entries = [(product, vector[None]) for product, vector in entries]
    found = answers(catalog, *catalog.search(embeddings, probs, k=5))
    assert found == [plain_search(entries, q, p, 5) for q, p in zip(embeddings, probs, strict=True)]


@pytest.mark.parametrize("filters", FILTERS, ids=lambda filters: filters.where()[0][:30])
@pytest.mark.parametrize(("count", "views", "distinct"), CASES)
def test_filtered_equals_search_over_the_subset(
    tmp_path: Path, filters: Filters, count: int, views: int, distinct: int | None
) -> None:
    entries = random_entries(3, count, views, distinct)
    catalog = Catalog.load(write_catalog(tmp_path / "all", entries))
    allowed = catalog.snapshot().table.allowed(filters)
    subset = [entry for entry, keep in zip(entries, allowed, strict=True) if keep]
    alone = Catalog.load(write_catalog(tmp_path / "subset", subset))
    embeddings, probs = random_queries(4, 25, entries)
    for k in (1, 5, 30):
        filtered = answers(catalog, *catalog.search(embeddings, probs, k=k, filters=filters))
        assert filtered == answers(alone, *alone.search(embeddings, probs, k=k))


def plainly_allowed(product: Product, filters: Filters) -> bool:
    """What a filter means, in plain Python."""
    texts = [
        (filters.brands, product.brand.lower()),
        (filters.genders, product.gender.lower()),
        (filters.availability, product.availability.lower()),
        (filters.ids, product.id),
        (filters.types, product.type),
    ]
    if any(wanted is not None and value not in [w.lower() for w in wanted] for wanted, value in texts):
        return False
    bounded = filters.price_min is not None or filters.price_max is not None
    if bounded and product.price is None:
        return False
    low, high = filters.price_min or 0, filters.price_max or np.inf
    in_range = not bounded or low <= product.price <= high
    return in_range and (filters.currency is None or product.currency.lower() == filters.currency.lower())


@pytest.mark.parametrize("filters", FILTERS, ids=lambda filters: filters.where()[0][:30])
def test_filters_mean_what_they_say(tmp_path: Path, filters: Filters) -> None:
    entries = random_entries(5, 300)
    allowed = Catalog.load(write_catalog(tmp_path / "c", entries)).snapshot().table.allowed(filters)
    assert allowed.tolist() == [plainly_allowed(product, filters) for product, _ in entries]


def test_a_single_text_is_one_wanted_value() -> None:
    assert Filters(brands="Ada") == Filters(brands=("Ada",))
    assert Filters().is_empty and not Filters(brands=()).is_empty


def test_only_the_two_likeliest_types_are_searched(tmp_path: Path) -> None:
    vector = normalised(np.ones((1, DIMENSION)))
    entries = [(Product(name, type=name), vector) for name in ("bags", "belts", "dresses")]
    catalog = Catalog.load(write_catalog(tmp_path / "c", entries))
    probs = 0.2 * one_hot("bags") + 0.5 * one_hot("belts") + 0.3 * one_hot("dresses")
    rows, _ = catalog.search(vector, probs)
    assert rows.tolist() == [[1, 2, -1, -1, -1]]
    assert catalog.search(vector, probs, top_types=1)[0][0, :2].tolist() == [1, -1]
    # A type that is impossible is not searched, even when it is the second likeliest.
    assert catalog.search(vector, one_hot("dresses"))[0][0, :2].tolist() == [2, -1]


def test_rows_that_ask_nothing_get_nothing(tmp_path: Path) -> None:
    entries = random_entries(6, 50)
    catalog = Catalog.load(write_catalog(tmp_path / "c", entries))
    embeddings, probs = random_queries(7, 4, entries)
    embeddings[1], embeddings[2, 3], probs[3] = 0, np.nan, 0
    rows, scores = catalog.search(embeddings, probs, k=3)
    assert (rows[0] >= 0).all()
    assert (rows[1:] == -1).all() and (scores[1:] == -1).all()
    assert rows.dtype == np.int64 and scores.dtype == np.float32
    empty_rows, empty_scores = catalog.search(np.zeros((0, 0)), np.zeros((0, len(TYPES))), k=3)
    assert empty_rows.shape == empty_scores.shape == (0, 3)


def test_faiss_keeps_its_number_of_threads(tmp_path: Path) -> None:
    entries = random_entries(6, 50)
    catalog = Catalog.load(write_catalog(tmp_path / "c", entries))
    before = faiss.omp_get_max_threads()
    try:
        faiss.omp_set_num_threads(3)
        catalog.search(*random_queries(7, 4, entries))
        assert faiss.omp_get_max_threads() == 3
    finally:
        faiss.omp_set_num_threads(before)


def test_opposite_vectors_are_found_last(tmp_path: Path) -> None:
    vector = normalised(np.arange(DIMENSION))
    entries = [(Product("far", type="tops"), -vector), (Product("near", type="tops"), vector)]
    catalog = Catalog.load(write_catalog(tmp_path / "c", entries))
    rows, scores = catalog.search(vector[None], one_hot("tops"), k=3)
    assert rows.tolist() == [[1, 0, -1]]
    assert scores.tolist() == [[1, -1, -1]]


@pytest.mark.parametrize(
    ("embeddings", "probs", "k"),
    [
        (np.ones((1, DIMENSION + 1)), one_hot("tops"), 1),
        (np.ones(DIMENSION), one_hot("tops"), 1),
        (np.ones((1, DIMENSION)), np.ones((1, 3)), 1),
        (np.ones((1, DIMENSION)), one_hot("tops"), 0),
    ],
)
def test_wrong_shapes_are_refused(tmp_path: Path, embeddings: NDArray, probs: NDArray, k: int) -> None:
    catalog = Catalog.load(write_catalog(tmp_path / "c", random_entries(8, 5)))
    with pytest.raises(ValueError, match=f"embeddings \\(N, {DIMENSION}\\)"):
        catalog.search(embeddings, probs, k=k)


def test_products_and_vectors_come_back_as_written(tmp_path: Path) -> None:
    entries = random_entries(9, 40, most_views=3)
    catalog = Catalog.load(write_catalog(tmp_path / "c", entries), EMBEDDER)
    assert len(catalog) == 40
    assert catalog.products(range(40)) == [product for product, _ in entries]
    for row, (product, vectors) in enumerate(entries):
        assert catalog.row_of(product.id) == row
        np.testing.assert_array_equal(catalog.reconstruct(row), vectors)
    assert catalog.product(-1) is None and catalog.row_of("unknown") is None
    with pytest.raises(IndexError, match="rows are 0 to 39"):
        catalog.product(40)


def test_info(tmp_path: Path) -> None:
    entries = random_entries(10, 30, most_views=3)
    info = Catalog.load(write_catalog(tmp_path / "c", entries)).info()
    assert info["products"] == 30 and info["vectors"] == sum(len(vectors) for _, vectors in entries)
    assert (info["kind"], info["embedder"], info["generation"]) == ("flat", EMBEDDER, 1)
    bags = [vectors for product, vectors in entries if product.type == "bags"]
    counts = {"products": len(bags), "vectors": sum(map(len, bags))}
    assert info["types"]["bags"] == counts | {"kind": "flat", "recall": 1.0, "bytes_per_vector": 4 * DIMENSION}
    assert (info["asked"], info["recall"], info["bytes_per_vector"]) == ("auto", 1.0, 4 * DIMENSION)
    assert info["reason"].startswith("flat: the largest type has ")


def test_an_empty_catalogue_finds_nothing(tmp_path: Path) -> None:
    catalog = Catalog.load(write_catalog(tmp_path / "c", []))
    assert len(catalog) == 0 and bool(catalog)
    rows, _ = catalog.search(normalised(np.ones((2, DIMENSION))), one_hot("tops", "bags"))
    assert (rows == -1).all()


def test_a_look_up_widens_the_filter_where_types_are_in_doubt(tmp_path: Path) -> None:
    vector = normalised(np.ones((1, DIMENSION)))
    entries = [(Product(name, type=name), vector) for name in ("bags", "belts", "dresses", "hats", "skirts")]
    catalog = Catalog.load(write_catalog(tmp_path / "c", entries))
    shares = {"belts": 0.5, "dresses": 0.2, "bags": 0.15, "hats": 0.1, "skirts": 0.05}
    doubtful = sum(share * one_hot(name) for name, share in shares.items())
    sure = 0.98 * one_hot("hats") + 0.015 * one_hot("skirts") + 0.005 * one_hot("bags")

    def found(probs: NDArray[np.float32], config: LookupConfig) -> set[str]:
        rows, _ = nearest(catalog, vector, probs, 5, config)
        return {catalog.product(int(row)).id for row in rows[0] if row >= 0}

    assert found(doubtful, LookupConfig()) == {"belts", "dresses", "bags", "hats"}
    assert found(sure, LookupConfig()) == {"hats", "skirts"}, "the second is always searched, a third one only in doubt"
    assert found(doubtful, LookupConfig(most_types=2)) == {"belts", "dresses"}
    assert found(doubtful, LookupConfig(top_types=5)) == set(shares)
    assert found(one_hot("hats"), LookupConfig()) == {"hats"}
