"""Retrieval figures: ranks by hand, lists of queries, and a small shop of the toy bundle's garments."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from matcher.catalog.catalog import Catalog
from matcher.catalog.writer import CatalogWriter
from matcher.errors import InputError
from matcher.stages.models import Runtime
from matcher.taxonomy import TYPES
from matcher.types import Garments, Product
from tests.toy_bundle import make_bundle, paint
from training.evaluation.output import silent
from training.evaluation.queries import load_queries
from training.evaluation.retrieval_eval import (
    Describer,
    at_box,
    best_garment,
    describer,
    evaluate_retrieval,
    ranked,
    summarise,
)


def test_figures_of_known_ranks() -> None:
    result = summarise([0, 0, 1, 4, 5, 20, None, None], gallery=40, undetected=1)
    assert result == {
        "queries": 8,
        "gallery": 40,
        "recall@1": 0.25,
        "recall@5": 0.5,
        "recall@20": 0.625,
        "mrr": round((1 + 1 + 1 / 2 + 1 / 5 + 1 / 6 + 1 / 21) / 8, 4),
        "undetected": 0.125,
    }


class Shelf:
    """Answers of a shop of four products to two garments."""

    def __len__(self) -> int:
        return 4

    def search(
        self, embeddings: np.ndarray, type_probs: np.ndarray, k: int, top_types: int, filters: None, type_doubt: float
    ) -> tuple[np.ndarray, np.ndarray]:
        rows, scores = np.array([[3, 1, -1], [2, 3, 0]]), np.array([[0.7, 0.6, -1.0], [0.9, 0.8, 0.6]], np.float32)
        return rows[: len(embeddings)], scores[: len(embeddings)]


def test_the_best_score_of_any_garment_counts() -> None:
    two = rows((0, 0, 9, 9), (0, 0, 5, 5), score=(0.9, 0.9)).with_columns(embedding=np.zeros((2, 8), np.float32))
    products, garments = ranked(Shelf(), two, 3)
    assert products.tolist() == [2, 3, 1, 0] and garments.tolist() == [1, 1, 0, 1]
    products, garments = ranked(Shelf(), two[:1], 3)
    assert products.tolist() == [3, 1] and garments.tolist() == [0, 0]


def test_no_query_divides_by_nothing() -> None:
    assert summarise([], 3, 0)["recall@1"] == 0


def test_queries_are_read_with_and_without_boxes(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    text = "\ufeffimage,x0,y0,x1,y1,product_id,other\na.png,1,2,30,40,p1,x\na.png,,,,,p2,\n"
    (tmp_path / "q.csv").write_text(text, encoding="utf-8")
    first, second = load_queries(tmp_path / "q.csv")
    assert first.xyxy.tolist() == [1, 2, 30, 40] and first.product_id == "p1"
    assert second.xyxy is None and second.image == tmp_path / "a.png"
    (tmp_path / "short.csv").write_text("image,product_id\na.png,p1\n")
    assert load_queries(tmp_path / "short.csv")[0].xyxy is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("picture,product_id\na.png,p\n", "lacks the columns image"),
        ("image,product_id\n", "no rows"),
        ("image,product_id\nb.png,p\n", "no photo"),
        ("image,product_id\na.png,\n", "line 2: image and product_id"),
        ("image,x0,y0,x1,y1,product_id\na.png,1,2,,4,p\n", "line 2: the box must be four numbers"),
        ("image,x0,y0,x1,y1,product_id\na.png,5,2,5,4,p\n", "line 2: the box .* is empty"),
        ("image,x0,y0,x1,y1,product_id\na.png,1,2,nan,4,p\n", "line 2: the box .* is empty"),
    ],
)
def test_bad_lists_name_the_line(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "q.csv").write_text(text)
    with pytest.raises(InputError, match=says):
        load_queries(tmp_path / "q.csv")


def rows(*boxes: tuple[float, ...], score: tuple[float, ...]) -> Garments:
    probs = np.eye(len(TYPES), dtype=np.float32)[: len(boxes)]
    return Garments(np.array(boxes), np.array(score), type_probs=probs)


def test_the_best_garment_is_sure_and_large() -> None:
    found = rows((0, 0, 10, 10), (0, 0, 90, 90), (0, 0, 100, 100), score=(0.99, 0.9, 0.3))
    assert best_garment(found).xyxy[0].tolist() == [0, 0, 90, 90]
    assert best_garment(Garments.empty()) is None


def test_a_given_box_takes_the_type_of_what_is_found_there() -> None:
    found = rows((0, 0, 100, 100), (0, 0, 60, 100), score=(0.9, 0.8))
    row = at_box(found, np.array([0, 0, 50, 100], np.float32))
    assert (
        row.xyxy[0].tolist() == [0, 0, 50, 100] and row.type_id[0] == 1
    )  # IoU 0.5 with the first, 0.83 with the other
    for nothing_near in (found, Garments.empty()):
        far = at_box(nothing_near, np.array([200, 0, 250, 100], np.float32))
        assert np.allclose(far.type_probs, 1 / len(TYPES))


def test_a_given_box_gets_an_outline_of_its_own(toy: tuple) -> None:
    describe, _, _ = toy
    image = paint((200, 200), {"tops": (40, 40, 120, 150)})
    boxes = [np.array(box, np.float32) for box in ((40, 40, 120, 150), (0, 0, 20, 20))]
    known, unknown = describe(image, boxes)
    assert known.mask.shape == unknown.mask.shape == (1, 28, 28)
    assert known.type_name == "tops"
    assert np.allclose(np.linalg.norm(known.embedding), 1, atol=1e-5)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Describer, Catalog, Path]:
    """A describer, a shop with one product of each of three types, and a folder with a photo of each worn."""
    root = tmp_path_factory.mktemp("toy")
    bundle = make_bundle(root / "bundle")
    describe = describer(bundle, Runtime(threads=1))
    with CatalogWriter(root / "shop", 8, bundle.embedder_hash, bundle="toy") as writer:
        for name in ("tops", "bags", "hats"):
            (row,) = describe(paint((96, 96), {name: (10, 10, 86, 86)}), [None])
            writer.add(Product(id=f"p-{name}", type=name), row.embedding)
        writer.commit()
    worn = {"tops": (40, 40, 120, 150), "bags": (130, 60, 160, 100)}
    cv2.imwrite(str(root / "street.png"), paint((200, 200), worn))
    cv2.imwrite(str(root / "top.png"), paint((200, 200), {"tops": worn["tops"]}))
    cv2.imwrite(str(root / "empty.png"), paint((200, 200), {}))
    return describe, Catalog.load(root / "shop", bundle.embedder_hash), root


@pytest.mark.parametrize(
    ("lines", "recall", "mrr", "undetected"),
    [
        # boxes given: each finds its own product
        (["street.png,40,40,120,150,p-tops", "street.png,130,60,160,100,p-bags"], 1.0, 1.0, 0.0),
        # no box: all that is worn is asked for, and the better match comes first
        (["street.png,,,,,p-tops", "street.png,,,,,p-bags"], 0.5, 0.75, 0.0),
        # the same beside a given box
        (["street.png,40,40,120,150,p-tops", "street.png,,,,,p-hats"], 0.5, 0.5, 0.0),
        # nothing to be found in the picture
        (["top.png,,,,,p-tops", "empty.png,,,,,p-tops"], 0.5, 0.5, 0.5),
        # a product that the catalogue does not have
        (["top.png,,,,,p-tops", "street.png,,,,,p-unknown"], 0.5, 0.5, 0.0),
    ],
)
def test_a_small_shop(toy: tuple, lines: list[str], recall: float, mrr: float, undetected: float) -> None:
    describe, catalog, root = toy
    (root / "q.csv").write_text("\n".join(["image,x0,y0,x1,y1,product_id", *lines, ""]))
    result = evaluate_retrieval(describe, catalog, load_queries(root / "q.csv"), silent)
    figures = (result["recall@1"], result["mrr"], result["undetected"])
    assert figures == (recall, mrr, undetected)
    assert (result["queries"], result["gallery"]) == (2, 3)
