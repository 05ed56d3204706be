"""The carried types: shapes are checked, rows are filtered together, early reads say which stage is missing."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from matcher.errors import MatcherError, StageError
from matcher.taxonomy import TYPES
from matcher.types import Frame, Garments, Product


def some(count: int = 3) -> Garments:
    probs = np.full((count, len(TYPES)), 0.05, np.float32)
    probs[np.arange(count), np.arange(count)] = 0.5
    boxes = np.arange(4 * count).reshape(count, 4)
    return Garments(boxes, np.linspace(0.9, 0.5, count), type_probs=probs, track_id=np.arange(count) + 10)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("type_probs", np.zeros((3, 4))),  # another number of types
        ("track_id", np.zeros((3, 1))),  # one dimension too many
        ("embedding", np.zeros((2, 8))),  # a row missing
        ("mask", np.zeros((3, 28))),  # one dimension missing
    ],
)
def test_wrong_shapes_are_refused_with_both_shapes_named(column: str, value: np.ndarray) -> None:
    with pytest.raises(ValueError, match=rf"'{column}' must have shape .*, got \({value.shape[0]}"):
        some().with_columns(**{column: value})


def test_unknown_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="colour"):
        some().with_columns(colour=np.zeros(3))


@pytest.mark.parametrize(("column", "stage"), [("embedding", "embed"), ("product_row", "look up"), ("tier", "settle")])
def test_reading_too_early_names_the_stage(column: str, stage: str) -> None:
    with pytest.raises(StageError, match=f"'{stage}'") as caught:
        getattr(some(), column)
    assert isinstance(caught.value, MatcherError)


def test_a_missing_attribute_is_no_stage_error() -> None:
    assert not hasattr(some(), "colour")


@pytest.mark.parametrize(
    ("rows", "ids"),
    [
        (np.array([True, False, True]), [10, 12]),  # a mask
        (slice(1, None), [11, 12]),  # a slice
        ([2, 0], [12, 10]),  # numbers, reordered
        (-1, [12]),  # one number
        (np.zeros(3, bool), []),  # nothing left
    ],
)
def test_indexing_filters_every_column(rows: object, ids: list[int]) -> None:
    garments = some()
    chosen = garments[rows]
    assert chosen.track_id.tolist() == ids
    assert chosen.xyxy.tolist() == [garments.xyxy[i - 10].tolist() for i in ids]
    assert chosen.type_id.tolist() == [i - 10 for i in ids]


def test_iterating_gives_rows_with_their_type_and_product() -> None:
    shop = {7: Product("p7", title="Shirt")}
    garments = some(2).with_columns(product_row=[[7, -1], [-1, -1]], match_score=[[0.9, -1], [-1, -1]])
    first, second = garments.with_products(shop.get)
    assert (first.type_name, first.product.name) == (TYPES[0], "Shirt")
    assert second.product is None and garments.best_score.tolist() == pytest.approx([0.9, -1])
    with pytest.raises(ValueError, match="one garment"):
        _ = garments.type_name


def test_columns_are_copied_not_changed() -> None:
    garments = some()
    other = garments.with_columns(tier=np.ones(3))
    assert other.has("tier") and not garments.has("tier")


def test_rows_are_joined_in_order_where_their_columns_are_the_same() -> None:
    both = some(2).of_shot(3).joined(some(1))
    assert both.track_id.tolist() == [10, 11, 10] and both.xyxy[2].tolist() == [0, 1, 2, 3] and both.in_shot == 3
    assert len(some(2).joined(some(3)[:0])) == 2
    late = Garments.empty().of_shot(4).joined(some(1).with_columns(held=np.ones(1)))
    assert late.in_shot == 4 and late.held.all() and not len(late.seen), "one without rows needs no columns"
    with pytest.raises(ValueError, match="held"):
        some().joined(some().with_columns(held=np.zeros(3)))


def test_empty_has_what_detect_fills() -> None:
    empty = Garments.empty()
    assert len(empty) == 0 and empty.type_id.shape == (0,) and list(empty) == []


def test_time_is_exact() -> None:
    frame = Frame(np.zeros((4, 6, 3), np.uint8), 1001 * 107892, Fraction(1, 30000))
    assert frame.timestamp == Fraction(1001 * 107892, 30000) and frame.size == (6, 4)


def test_a_product_without_title_is_called_by_its_id() -> None:
    assert (Product("a1").name, Product("a1", title="Hat").name) == ("a1", "Hat")
