"""The match head's score orders products exactly as an inner product does, from a catalogue too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from matcher.catalog.catalog import Catalog
from matcher.catalog.writer import CatalogWriter
from matcher.taxonomy import TYPE_IDS, TYPES
from matcher.types import Product
from training.match_rcnn.inner_product import MatchVectors
from training.match_rcnn.match_head import MatchHead, match_loss

DIMENSION = 16


@pytest.fixture(scope="module")
def head() -> MatchHead:
    """A head trained for a moment, so that its weights have both signs and sizes of their own."""
    torch.manual_seed(0)
    head = MatchHead(4, 8, DIMENSION)
    optimiser = torch.optim.SGD(head.parameters(), 0.5)
    features, products = torch.randn(12, 4, 6, 6), torch.arange(12) % 6
    for _ in range(20):
        loss = match_loss(head, head.embed(features), products, torch.arange(12) < 6)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return head


def vectors(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 2, (count, DIMENSION)).astype(np.float32)


@torch.no_grad()
def probabilities(head: MatchHead, queries: np.ndarray, products: np.ndarray) -> np.ndarray:
    """What the network itself says: (queries, products)."""
    a, b = (torch.from_numpy(v).double() for v in (queries, products))
    return head.double().score(a[:, None], b[None]).numpy()


def test_the_inner_product_gives_the_softmax_score_and_its_order(head: MatchHead) -> None:
    queries, products = vectors(1, 5), vectors(2, 200)
    wanted, plain = probabilities(head, queries, products), MatchVectors.of(head)
    inner = plain.asked(queries) @ plain.stored(products).T
    assert inner.shape == (5, 200) and plain.stored(products).shape[1] == DIMENSION + 1
    np.testing.assert_allclose(plain.score(inner, queries), wanted, atol=1e-12)
    assert wanted.std() > 0.1
    # Sorted by the logit, of which the probability rounds to 1 for the best.
    logits = ((queries[:, None].astype(float) - products) ** 2 * plain.weight).sum(-1)
    np.testing.assert_array_equal(np.argsort(-inner, 1), np.argsort(-logits, 1))


def test_a_catalogue_serves_the_match_head(head: MatchHead, tmp_path: Path) -> None:
    queries, products = vectors(3, 8), vectors(4, 300)
    served = MatchVectors.of(head, products)
    with CatalogWriter(tmp_path / "shop", DIMENSION + 2, "e" * 64, bundle="test") as writer:
        for i, vector in enumerate(served.catalog_vectors(products)):
            writer.add(Product(id=f"p{i}", title="", type=TYPES[i % 2]), vector)
        writer.commit()
    wanted = probabilities(head, queries, products)
    logits = ((queries[:, None].astype(float) - products) ** 2 * served.weight).sum(-1)
    for type_id in (0, 1):
        probs = np.eye(len(TYPES), dtype=np.float32)[[type_id] * len(queries)]
        rows, cosines = Catalog.load(tmp_path / "shop").search(served.catalog_queries(queries), probs, k=10)
        of_type = np.flatnonzero(np.arange(300) % 2 == type_id)
        best = of_type[np.argsort(-logits[:, of_type], 1)[:, :10]]
        np.testing.assert_array_equal(rows, best)
        scores = served.catalog_score(cosines, queries)
        np.testing.assert_allclose(scores, np.take_along_axis(wanted, rows, 1), atol=1e-4)
    assert TYPE_IDS[TYPES[1]] == 1


def test_a_product_that_was_not_counted_in_is_refused(head: MatchHead) -> None:
    products = vectors(5, 10)
    served = MatchVectors.of(head, products)
    with pytest.raises(ValueError, match="longer than the radius"):
        served.catalog_vectors(products * 3)


def test_pairs_need_one_garment_of_each_side_and_a_known_product(head: MatchHead) -> None:
    features = torch.randn(4, DIMENSION)
    known, street = torch.tensor([1, 1, -1, 2]), torch.tensor([True, True, False, True])
    assert match_loss(head.float(), features, known, street) == 0
    street[3] = False
    assert match_loss(head, features, known, street) > 0
