"""The lookup benchmark on small shops. No test depends on how long something took."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.lookup import BASE, lookup_at, recall, truth
from benchmarks.lookup_data import LARGE_SHARE, asked_types, make_data, type_shares
from benchmarks.lookup_entrants import MILVUS, Entrant, K, Limits, entrants, milvus, named
from benchmarks.lookup_plot import plot


@pytest.fixture(scope="module")
def data():
    return make_data(3000, 16, 12)


def test_two_types_hold_their_share(data) -> None:
    assert type_shares().sum() == pytest.approx(1)
    assert type_shares()[asked_types()].sum() == pytest.approx(LARGE_SHARE)
    assert abs(data.asked.mean() - LARGE_SHARE) < 0.04
    assert len(np.unique(data.types)) == 11


def test_vectors_are_of_unit_length_and_clustered(data) -> None:
    for vectors in (data.vectors, data.queries):
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    cosines = data.vectors @ data.vectors.T
    np.fill_diagonal(cosines, -1)
    assert np.median(cosines.max(1)) > np.median(cosines) + 0.4  # a product has near neighbours, most are far
    again = make_data(3000, 16, 12)
    assert (again.vectors == data.vectors).all() and (again.queries == data.queries).all()


def test_exact_ways_give_the_exact_subset_and_approximate_ones_most_of_it(data, tmp_path: Path) -> None:
    found = {one.name: one for one in entrants(data, tmp_path, Limits(milvus=0)) if isinstance(one, Entrant)}
    subset = truth(data, data.asked)
    slow = np.argsort(-(data.queries @ data.vectors[data.asked].T), axis=1)[:, :K]
    assert recall(list(np.flatnonzero(data.asked)[slow]), subset) == 1
    for name, one in found.items():
        answers = [one.search(data.queries[i : i + 1]) for i in range(len(data.queries))]
        assert all(len(rows) == K for rows in answers), name
        if one.filtered:
            assert all(data.asked[rows].all() for rows in answers), name
            exact = "exact" in name and "IVF" not in name or "flat" in name
            assert recall(answers, subset) >= (1 if exact else 0.8), name


def test_milvus_lite_finds_the_exact_subset(tmp_path: Path) -> None:
    pytest.importorskip("pymilvus")
    shop = make_data(400, 16, 3)
    (one,) = [one for one in milvus(shop, tmp_path) if isinstance(one, Entrant)]
    assert recall([one.search(shop.queries[i : i + 1]) for i in range(3)], truth(shop, shop.asked)) == 1


def test_figures_of_every_way() -> None:
    run = lookup_at(2000, 16, 6, Limits(hnsw=1999, milvus=0))
    assert set(run["left_out"]) == {"HNSW", MILVUS, named("hnsw")}
    kept = run["entrants"][named("ivf-pq")]["kept"]
    assert kept["flat_types"] == 11 and kept["recall"] == 1 and kept["bytes_per_vector"] == 4 * 16  # small: all flat
    assert run["entrants"][BASE]["ratio"] == 1 and run["entrants"][BASE]["recall@10"] == 1
    assert run["entrants"][BASE]["useful@10"] < 1  # answers of other types take places


def test_recall_counts_what_is_found() -> None:
    right = np.array([[1, 2], [3, 4]])
    assert recall([np.array([2, 9]), np.array([4, 3])], right) == 0.75


def test_a_picture_of_what_was_measured(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    runs = [lookup_at(count, 16, 5, Limits(milvus=0, single=0)) for count in (1000, 2000)]
    plot({"runs": runs}, tmp_path / "size.svg")
    text = (tmp_path / "size.svg").read_text()
    assert text.count("<svg") == 1 and "ivf-pq" in text
