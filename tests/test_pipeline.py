"""The whole pipeline on drawn clips, through real models, catalogue and files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from matcher.bundle import Bundle, write_card
from matcher.catalog.catalog import Catalog
from matcher.config import DetectConfig, LookupConfig, PipelineConfig
from matcher.errors import CatalogError
from matcher.pipeline import Pipeline, run, spread_over_cores
from matcher.sinks.jsonl import JsonlSink
from matcher.types import EXACT, Frame
from tests.toy_bundle import make_bundle, paint
from tests.toy_shop import write_shop

STAGES = {"cut", "detect", "track", "mask", "classify", "look", "embed", "fuse", "look up", "settle", "hold"}


def walk(count: int = 20, rate: int = 25) -> Iterator[Frame]:
    """Somebody in top and trousers walks right, a bag is carried left, shoes come into view half-way."""
    for i in range(count):
        worn = {
            "tops": (100 + 4 * i, 50, 200 + 4 * i, 150),
            "pants": (100 + 4 * i, 160, 200 + 4 * i, 300),
            "bags": (480 - 6 * i, 100, 540 - 6 * i, 180),
        }
        if i >= count // 2:
            worn["footwear"] = (110 + 4 * i, 305, 190 + 4 * i, 345)
        yield Frame(paint((640, 360), worn), i, Fraction(1, rate), index=i)


def test_products_are_found_and_tracks_hold(bundle: Bundle, catalog: Catalog) -> None:
    pipeline, tracks = Pipeline(catalog=catalog, bundle=bundle), {}
    for i, frame in enumerate(walk()):
        garments = pipeline(frame)
        assert len(garments) == (3 if i < 11 else 4), "shoes are confirmed by their second frame"
        for one in garments:
            tracks.setdefault(one.type_name, set()).add(int(one.track_id[0]))
            assert one.product.id == f"p-{one.type_name}" and one.tier.tolist() == [EXACT]
    assert {name: len(ids) for name, ids in tracks.items()} == {"tops": 1, "pants": 1, "bags": 1, "footwear": 1}
    assert len(set.union(*tracks.values())) == 4


def test_every_stage_is_timed_in_every_frame(bundle: Bundle, catalog: Catalog) -> None:
    pipeline = Pipeline(catalog=catalog, bundle=bundle)
    for frame in walk(6):
        pipeline(frame)
    assert {name: len(times) for name, times in pipeline.timings.items()} == dict.fromkeys(STAGES, 6)
    assert all(time >= 0 for times in pipeline.timings.values() for time in times)
    pipeline.finish()
    assert pipeline.timings
    pipeline.reset()
    assert not pipeline.timings


def test_what_is_worn_for_hours_stays_one_track_and_one_product(bundle: Bundle, catalog: Catalog) -> None:
    pipeline, image = Pipeline(catalog=catalog, bundle=bundle), paint((160, 120), {"tops": (30, 20, 110, 100)})
    views, frames = 0, 1500  # more than a power of two can be a number of
    for i in range(frames):
        garments = pipeline(Frame(image, 10 * i, Fraction(1), index=i))
        views += int(garments.due.sum())
        assert garments.track_id.tolist() == [1] and garments.product.id == "p-tops"
    assert views > 0.9 * frames and garments.tier.tolist() == [EXACT]


def test_few_frames_are_embedded(bundle: Bundle, catalog: Catalog) -> None:
    pipeline = Pipeline(catalog=catalog, bundle=bundle)
    due = sum(int(pipeline(frame).due.sum()) for frame in islice(walk(80), 30))
    assert 3 <= due < 25, "of 90 boxes"


def test_without_a_catalogue_there_are_garments_only(bundle: Bundle) -> None:
    pipeline = Pipeline(bundle=bundle)
    garments = pipeline(next(walk()))
    assert len(garments) == 3 and garments.product_row.shape == (3, 0) and garments.tier.tolist() == [0, 0, 0]
    assert garments.best_score.tolist() == [-1, -1, -1] and pipeline.products(0) is None
    assert pipeline.image(paint((640, 360), {})).product_row.shape == (0, 0)


def test_one_picture(bundle: Bundle, catalog: Catalog) -> None:
    garments = Pipeline(catalog=catalog, bundle=bundle).image(next(walk()).image)
    assert sorted(one.product.id for one in garments) == ["p-bags", "p-pants", "p-tops"]
    assert garments.tier.tolist() == [EXACT] * 3 and not garments.has("track_id")


def test_a_picture_in_between_does_not_disturb_a_video(bundle: Bundle, catalog: Catalog) -> None:
    pipeline, ids = Pipeline(catalog=catalog, bundle=bundle), set()
    for frame in islice(walk(), 8):
        ids |= set(pipeline(frame).track_id.tolist())
        pipeline.image(paint((300, 300), {"hats": (10, 10, 90, 90)}))
    assert ids == {1, 2, 3}


def test_masks_of_due_rows_only_lead_to_the_same_products(bundle: Bundle, catalog: Catalog) -> None:
    settings = PipelineConfig(detect=DetectConfig(mask_rows="due"))
    every, due = Pipeline(catalog=catalog, bundle=bundle), Pipeline(settings, catalog, bundle)
    for frame in walk(12):
        a, b = every(frame), due(frame)
        np.testing.assert_array_equal(a.product_row, b.product_row)
        np.testing.assert_array_equal(b.mask.any((1, 2)), b.due)
        assert a.mask.any((1, 2)).all()


def test_a_track_wants_a_surer_box_than_a_picture(bundle: Bundle, catalog: Catalog) -> None:
    detector = bundle.model("detector")
    models = bundle.card["models"] | {"detector": detector | {"start_score": 1.1}}
    pipeline = Pipeline(catalog=catalog, bundle=Bundle(bundle.folder, bundle.card | {"models": models}))
    frames = list(islice(walk(), 6))
    assert len(pipeline.image(frames[0].image)) == 3
    assert [len(pipeline(frame)) for frame in frames] == [0] * 6
    told = PipelineConfig(detect=DetectConfig(score_threshold=detector["score_threshold"]))
    pipeline = Pipeline(told, catalog, pipeline.bundle)
    assert len([pipeline(frame) for frame in frames][-1]) == 3, "settings come before the card"


def test_bundles_may_lack_a_classifier(bundle: Bundle, catalog: Catalog, tmp_path: Path) -> None:
    for file in bundle.folder.glob("*.onnx"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    models = {name: section for name, section in bundle.card["models"].items() if name != "classifier"}
    write_card(tmp_path, {"name": "small", "version": "1", "licence": "", "origin": [], "models": models})
    pipeline = Pipeline(catalog=catalog, bundle=Bundle.open(tmp_path))
    assert len(pipeline(next(walk()))) == 3 and "classify" not in pipeline.timings


def test_a_catalogue_of_another_embedder_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    write_shop(tmp_path / "shop", bundle)
    other = make_bundle(tmp_path / "other")
    other.card["files"]["embedder.onnx"] = "0" * 64
    with pytest.raises(CatalogError, match="asworn index FEED --out"):
        Pipeline(catalog=Catalog.load(tmp_path / "shop"), bundle=Bundle(other.folder, other.card))


def test_a_new_generation_voids_what_was_found(bundle: Bundle, tmp_path: Path) -> None:
    catalog = write_shop(tmp_path / "shop", bundle)
    pipeline = Pipeline(PipelineConfig(lookup=LookupConfig(refresh_s=1e-6)), catalog, bundle)
    seen = []
    for i, frame in enumerate(islice(walk(), 8)):
        if i == 4:  # other rows: the order of products is another one
            write_shop(tmp_path / "shop", bundle, ("hats", "bags", "pants", "tops"), prefix="new")
        seen.append(sorted(one.product.id for one in pipeline(frame)))
    assert seen[:4] == [["p-bags", "p-pants", "p-tops"]] * 4
    assert seen[4:] == [["new-bags", "new-pants", "new-tops"]] * 4


def test_settings_from_a_file(bundle: Bundle, catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[lookup]\nk = 2\n", encoding="utf-8")
    pipeline = Pipeline.from_config(tmp_path / "mine.toml", catalog, bundle.folder)
    assert pipeline(next(walk())).product_row.shape == (3, 2)


def test_frames_side_by_side_give_the_same_as_one_by_one(bundle: Bundle, catalog: Catalog, tmp_path: Path) -> None:
    for name, at_once in (("a", 1), ("b", 3)):
        pipeline = Pipeline(catalog=catalog, bundle=bundle)
        summary = run(walk(), [JsonlSink(tmp_path / name, pipeline.products)], pipeline, at_once=at_once)
        assert summary.frames == 20
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    lines = [json.loads(line) for line in (tmp_path / "a").read_text().splitlines()]
    assert [line["pts"] for line in lines] == list(range(20))
    assert {g["products"][0]["id"] for g in lines[-1]["garments"]} == {"p-tops", "p-pants", "p-bags", "p-footwear"}


def test_warming_up_leaves_no_trace(bundle: Bundle, catalog: Catalog) -> None:
    pipeline = Pipeline(catalog=catalog, bundle=bundle)
    pipeline.warm_up((320, 180))
    assert not pipeline.timings and pipeline(next(walk())).track_id.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("threads", "at_once", "expected"),
    [(2, 0, (1, 2)), (8, 0, (1, 8)), (8, 2, (4, 2)), (1, 0, (1, 1)), (16, 0, (2, 8)), (2, 1, (2, 1))],
)
def test_cores_are_spread_over_frames(threads: int, at_once: int, expected: tuple[int, int]) -> None:
    settings = spread_over_cores(PipelineConfig(threads=threads, frames_at_once=at_once))
    assert (settings.threads, settings.frames_at_once) == expected
