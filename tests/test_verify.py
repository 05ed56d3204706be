"""The verifier in the look-up: it re-ranks what is found, and belongs to one embedder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

from matcher.bundle import Bundle, write_card
from matcher.catalog.catalog import Catalog
from matcher.config import LookupConfig
from matcher.errors import BundleError
from matcher.runtime.load import load_session
from matcher.stages.lookup import Lookup
from matcher.stages.verify import Verifier
from matcher.taxonomy import TYPES
from matcher.types import Garments, Product
from tests.catalogs import DIMENSION, Entry, normalised, random_entries, write_catalog
from tests.toy_bundle import make_bundle

# Likes candidates whose last number is large, whatever the query.
_LIKES_THE_LAST = """
<ir_version: 8, opset_import: ["" : 17]>
verifier (float[N,D] queries, float[N,K,D] candidates) => (float[N,K] probs) {
    last = Gather<axis=2>(candidates, minus_one)
    scaled = Mul(last, steep)
    probs = Sigmoid(scaled)
}
"""


def write_verifier(path: Path, steep: float = 20.0) -> Path:
    model = parser.parse_model(_LIKES_THE_LAST)
    for name, value in (("minus_one", np.int64(-1)), ("steep", np.float32(steep))):
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("verify") / "bundle")


def with_section(bundle: Bundle, **section: object) -> Bundle:
    write_verifier(bundle.folder / "verifier.onnx")
    card = json.loads(json.dumps(bundle.card))
    known = {"file": "verifier.onnx", "embedder": bundle.embedder_hash, "depth": 20, "weight": 0.5, "on": True}
    card["models"]["verifier"] = {**known, **section}
    write_card(bundle.folder, card)
    return Bundle.open(bundle.folder)


def test_a_bundle_without_a_verifier_uses_none(bundle: Bundle) -> None:
    assert Verifier.open(bundle) is None and Verifier.open(bundle, False) is None
    with pytest.raises(BundleError, match="no verifier"):
        Verifier.open(bundle, True)


def test_the_card_says_whether_it_is_on(bundle: Bundle) -> None:
    assert Verifier.open(with_section(bundle)) is not None
    off = with_section(bundle, on=False)
    assert Verifier.open(off) is None and Verifier.open(off, True) is not None
    assert Verifier.open(with_section(bundle), False) is None


def test_a_verifier_for_another_embedder_is_refused(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="another embedder"):
        Verifier.open(with_section(bundle, embedder="0" * 64))


def entries() -> list[Entry]:
    """Three tops near the first axis, the one that the verifier likes farthest from it."""
    vectors = np.zeros((3, DIMENSION), np.float32)
    vectors[:, 0] = 1
    vectors[:, 1], vectors[:, -1] = (0.1, 0.2, 0.3), (0, -0.1, 0.3)
    tops = [Product(id=f"top-{i}", type="tops") for i in range(3)]
    return [(top, vector[None]) for top, vector in zip(tops, normalised(vectors), strict=True)]


def query(count: int = 1) -> Garments:
    vectors, probs = np.zeros((count, DIMENSION), np.float32), np.zeros((count, len(TYPES)), np.float32)
    vectors[:, 0], probs[:, TYPES.index("tops")] = 1, 1
    return Garments(np.zeros((count, 4)), type_probs=probs, embedding=vectors)


def test_the_opinion_changes_the_order(tmp_path: Path) -> None:
    catalog = Catalog.load(write_catalog(tmp_path / "c", entries()))
    verifier = Verifier(load_session(write_verifier(tmp_path / "v.onnx")), depth=3, weight=0.5)
    plain = Lookup(catalog, LookupConfig(k=2))(query())
    judged = Lookup(catalog, LookupConfig(k=2), verifier)(query())
    assert plain.product_row.tolist() == [[0, 1]], "the nearest"
    assert judged.product_row.tolist() == [[2, 0]], "the liked one came from beyond the first two"
    assert (np.diff(judged.match_score[0]) <= 0).all() and np.abs(judged.match_score).max() <= 1


def test_a_verifier_without_weight_changes_nothing(tmp_path: Path) -> None:
    catalog = Catalog.load(write_catalog(tmp_path / "c", random_entries(1, 60, most_views=3)))
    verifier = Verifier(load_session(write_verifier(tmp_path / "v.onnx")), depth=20, weight=0.0)
    plain, judged = Lookup(catalog)(query(4)), Lookup(catalog, None, verifier)(query(4))
    assert np.array_equal(plain.product_row, judged.product_row)
    assert np.allclose(plain.match_score, judged.match_score, atol=1e-6)


def test_absent_products_stay_absent(tmp_path: Path) -> None:
    catalog = Catalog.load(write_catalog(tmp_path / "c", entries()))
    verifier = Verifier(load_session(write_verifier(tmp_path / "v.onnx")), depth=20, weight=0.5)
    judged = Lookup(catalog, LookupConfig(k=5), verifier)(query())
    assert judged.product_row[0, 3:].tolist() == [-1, -1] and judged.match_score[0, 3:].tolist() == [-1, -1]
    nobody = Garments(np.zeros((1, 4)), type_probs=query().type_probs, embedding=np.zeros((1, DIMENSION)))
    found = Lookup(catalog, None, verifier)(nobody)
    assert found.product_row.tolist() == [[-1] * 5] and found.searched.tolist() == [0]
    assert judged.searched.tolist() == [3], "all of its type"
