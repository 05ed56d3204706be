"""Inner products, however many there are, and the order of what is found."""

from __future__ import annotations

import numpy as np
import pytest

from matcher.catalog import ranking
from matcher.catalog.ranking import inner, nearest


@pytest.mark.parametrize("worth_threads", [0, 1 << 40])
def test_few_and_many_inner_products_are_the_same(worth_threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "_WORTH_THREADS", worth_threads)
    rng = np.random.default_rng(1)
    queries, vectors = (rng.standard_normal((n, 40)).astype(np.float32) for n in (3, 500))
    found = inner(queries, vectors)
    assert found.dtype == np.float32 and found.shape == (3, 500)
    right = queries.astype(np.float64) @ vectors.astype(np.float64).T
    np.testing.assert_allclose(found, right, atol=1e-5)
    assert inner(queries, vectors[:0]).shape == (3, 0)


def test_the_nearest_of_what_was_found_come_first() -> None:
    vectors = np.eye(4, dtype=np.float32)
    query = np.array([[0.1, 0.7, 0.2, 0.4]], np.float32)
    scores, best = nearest(query, np.array([[0, -1, 1, 3]]), vectors.__getitem__, 4)
    assert best.tolist() == [[1, 3, 0, -1]]
    np.testing.assert_allclose(scores[0, :3], [0.7, 0.4, 0.1], atol=1e-6)
    assert scores[0, 3] == -np.inf
