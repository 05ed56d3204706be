"""Detector, classifier, embedder and look-up on a bundle whose answers are known, through the real runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from matcher.bundle import Bundle
from matcher.config import DetectConfig, LookupConfig
from matcher.stages.classify import Classifier, fuse
from matcher.stages.detect import Detector, resolve
from matcher.stages.embed import Embedder
from matcher.stages.lookup import Lookup
from matcher.taxonomy import TYPE_IDS, TYPES
from matcher.types import Frame, Garments
from tests.toy_bundle import make_bundle, paint
from tests.toy_shop import write_shop

OUTFIT = {"tops": (100, 50, 200, 150), "pants": (100, 160, 200, 330), "bags": (400, 100, 450, 180)}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def detector(bundle: Bundle) -> Detector:
    return Detector(bundle)


@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (361, 641), (150, 400), (333, 1000)])
def test_boxes_come_back_in_source_pixels(detector: Detector, size: tuple[int, int]) -> None:
    width, height = size
    box = (width * 0.2, height * 0.25, width * 0.8, height * 0.7)
    image = paint(size, {"tops": tuple(round(v) for v in box)})
    garments = detector(image)
    assert garments.type_names == ["tops"]
    np.testing.assert_allclose(garments.xyxy[0], box, atol=max(max(size) / 320, 1) * 2)


def test_columns_of_a_detection(detector: Detector) -> None:
    garments = detector(Frame(paint((640, 360), OUTFIT)))
    assert sorted(garments.type_names) == ["bags", "pants", "tops"]
    assert garments.mask.shape == (3, 28, 28) and 0 <= garments.mask.min() and garments.mask.max() <= 1
    np.testing.assert_allclose(garments.type_probs.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(garments.score, 0.8, atol=1e-5)
    top = garments.type_names.index("tops")
    assert garments.type_probs[top, TYPE_IDS["outerwear"]] == pytest.approx(0.15 / 0.95, abs=1e-4)


def test_an_empty_picture(detector: Detector) -> None:
    garments = detector(paint((640, 360), {}))
    assert len(garments) == 0 and garments.mask.shape == (0, 28, 28) and garments.type_probs.shape == (0, 11)


def test_threshold_and_limit(bundle: Bundle) -> None:
    image = paint((640, 360), OUTFIT)
    assert len(Detector(bundle, DetectConfig(score_threshold=0.9))(image)) == 0
    assert len(Detector(bundle, DetectConfig(max_garments=2))(image)) == 2


def test_without_masks_there_is_no_column(bundle: Bundle) -> None:
    assert not Detector(bundle, DetectConfig(masks=False))(paint((640, 360), OUTFIT)).has("mask")


def test_masks_of_chosen_rows_only(detector: Detector) -> None:
    image = paint((640, 360), OUTFIT)
    found = detector.propose(image)
    garments = detector.select(found)
    chosen = np.array([False, True, False])
    masked = detector.add_masks(found, garments, chosen)
    assert masked.mask.any((1, 2)).tolist() == chosen.tolist()
    np.testing.assert_array_equal(masked.mask[1], detector(image).mask[1])


def test_candidates_have_one_row_for_each_box_and_type(detector: Detector) -> None:
    found = detector.candidates(paint((640, 360), OUTFIT), threshold=0.1)
    pairs = sorted((kind, round(float(score), 3)) for kind, score in zip(found.type_names, found.score, strict=True))
    assert pairs == [("bags", 0.8), ("leggings", 0.15), ("outerwear", 0.15), ("pants", 0.8), ("tops", 0.8)]
    assert (np.diff(found.score) <= 0).all() and len(detector.candidates(paint((640, 360), OUTFIT), limit=2)) == 2


@pytest.mark.parametrize(
    ("second", "kind", "proposal", "kept"),
    [
        ((0, 0, 98, 100), "outerwear", 1, [0]),  # same slot, nearly the same box
        ((0, 0, 60, 100), "outerwear", 1, [0, 1]),  # same slot, another box
        ((0, 0, 78, 100), "bags", 1, [0, 1]),  # another slot may overlap
        ((0, 0, 99, 100), "bags", 1, [0]),  # unless the two coincide
        ((0, 0, 60, 100), "bags", 0, [0]),  # one box is one garment
    ],
)
def test_one_garment_seen_as_two_types_is_one(second: tuple, kind: str, proposal: int, kept: list[int]) -> None:
    xyxy = np.array([(0, 0, 100, 100), second], np.float32)
    types = np.array([TYPE_IDS["tops"], TYPE_IDS[kind]])
    assert resolve(xyxy, types, np.array([0, proposal]), 0.7).tolist() == kept


def test_the_classifier_corrects_the_detector(bundle: Bundle) -> None:
    image = paint((640, 360), OUTFIT)
    wrong = np.full((1, len(TYPES)), 0.02, np.float32)
    wrong[0, TYPE_IDS["skirts"]], wrong[0, TYPE_IDS["pants"]] = 0.5, 0.3
    fused = Classifier(bundle)(image, Garments([OUTFIT["pants"]], [0.9], type_probs=wrong))
    assert fused.type_names == ["pants"] and fused.type_probs.sum() == pytest.approx(1, abs=1e-5)


def test_stages_touch_only_the_rows_that_are_due(bundle: Bundle, detector: Detector) -> None:
    image = paint((640, 360), OUTFIT)
    garments = detector(image).with_columns(due=[False, True, False])
    fused, embedded = Classifier(bundle)(image, garments), Embedder(bundle)(image, garments)
    assert (fused.type_probs != garments.type_probs).any(1).tolist() == [False, True, False]
    assert embedded.embedding.any(1).tolist() == [False, True, False]


def test_fuse_is_the_weighted_geometric_mean() -> None:
    a, b = np.array([[0.6, 0.3, 0.1]], np.float32), np.array([[0.2, 0.7, 0.1]], np.float32)
    expected = a**0.25 * b**0.75
    np.testing.assert_allclose(fuse(a, b, 0.75), expected / expected.sum(), rtol=1e-5)
    np.testing.assert_allclose(fuse(a, b, 0.0), a, rtol=1e-5)
    assert np.isfinite(fuse(a * 0, b * 0 + np.eye(3)[:1], 0.5)).all()


def test_embeddings_are_normalised_and_look_through_the_mask(bundle: Bundle) -> None:
    embedder, box = Embedder(bundle), np.array([[100, 100, 200, 200]], np.float32)
    plain = embedder.embed(paint((300, 300), {"tops": (100, 100, 200, 200)}), box)
    half = paint((300, 300), {"tops": (100, 100, 200, 200), "pants": (150, 100, 200, 200)})
    mask = np.zeros((1, 28, 28), np.float32)
    mask[:, :, :13] = 1
    assert np.linalg.norm(plain) == pytest.approx(1, abs=1e-5)
    assert (embedder.embed(half, box, mask) @ plain.T).item() > 0.99
    assert (embedder.embed(half, box) @ plain.T).item() < 0.9


def test_nothing_to_classify_or_embed(bundle: Bundle) -> None:
    image, none = paint((64, 64), {}), np.zeros((0, 4), np.float32)
    assert Classifier(bundle).probs(image, none).shape == (0, 11)
    assert Embedder(bundle).embed(image, none).shape == (0, 8)
    assert Embedder(bundle)(image, Garments.empty()).embedding.shape == (0, 8)


def test_look_up_finds_the_product_and_leaves_other_rows_alone(bundle: Bundle, tmp_path: Path) -> None:
    catalog = write_shop(tmp_path / "shop", bundle)
    image = paint((640, 360), OUTFIT)
    garments = Detector(bundle)(image)
    garments = Embedder(bundle)(image, garments.with_columns(due=[True, True, False]))
    found = Lookup(catalog, LookupConfig(k=3))(garments)
    assert found.product_row.shape == found.match_score.shape == (3, 3)
    names = [one.product and one.product.id for one in found]
    assert names == [f"p-{garments.type_names[0]}", f"p-{garments.type_names[1]}", None]
    assert found.best_score[:2].min() > 0.99 and found.match_score[2].tolist() == [-1, -1, -1]


def test_look_up_takes_a_new_generation_only_when_told(bundle: Bundle, tmp_path: Path) -> None:
    catalog = write_shop(tmp_path / "shop", bundle)
    never, often = Lookup(catalog), Lookup(catalog, LookupConfig(refresh_s=1e-9))
    assert not often.refresh()
    write_shop(tmp_path / "shop", bundle, prefix="new")
    assert often.refresh() and not often.refresh() and not never.refresh()


@pytest.mark.parametrize("count", [0, 1, 40])
def test_look_up_of_any_number_of_rows(bundle: Bundle, tmp_path: Path, count: int) -> None:
    catalog = write_shop(tmp_path / "shop", bundle)
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(count, 8)).astype(np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    garments = Garments(np.zeros((count, 4)), type_probs=np.full((count, 11), 1 / 11), embedding=vectors)
    assert Lookup(catalog)(garments).product_row.shape == (count, 5)
