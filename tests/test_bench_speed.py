"""The benchmarks of speed, on the toy bundle: that they measure what they say. No test depends on how long it took."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.carried import METHODS, carried, score
from benchmarks.cuts import SIZE, Film, cuts, judge, make_film
from benchmarks.growth import growth, streams_at_once
from benchmarks.growth_plot import plot
from benchmarks.latency import latency
from benchmarks.long_run import long_run, slope
from benchmarks.speed_clips import crowd, read_frames
from benchmarks.synthetic_catalog import synthetic_catalog
from matcher.bundle import Bundle
from matcher.catalog.catalog import Catalog
from matcher.catalog.recall import NEAR, near
from matcher.pipeline import Pipeline
from matcher.video.writer import VideoWriter
from tests.test_carry import scene
from tests.test_pipeline import walk
from tests.toy_bundle import COLOURS


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "walk.mp4"
    with VideoWriter(path, (640, 360), Fraction(25), Fraction(1, 25)) as writer:
        for frame in walk(10):
            writer.write(frame.image, frame.pts)
    return path


def test_a_catalogue_grows_around_the_real_products(catalog: Catalog, tmp_path: Path) -> None:
    grown = synthetic_catalog(tmp_path / "big", catalog, 60)
    real = len(catalog)
    assert len(grown) == 60 and grown.product(0) == catalog.product(0)
    for row in (real, 59):
        parent = row % real
        assert grown.product(row).type == catalog.product(parent).type
        cosine = float(grown.reconstruct(row)[0] @ catalog.reconstruct(parent)[0])
        assert 0.6 < cosine < 0.9
    assert synthetic_catalog(tmp_path / "big", catalog, 60).hash == grown.hash, "made once"


def test_drawn_vectors_have_unit_length() -> None:
    rng = np.random.default_rng(0)
    vector = np.eye(64, dtype=np.float32)[3]
    drawn = np.stack([near(vector, rng) for _ in range(50)])
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), 1, atol=1e-5)
    assert abs(float((drawn @ vector).mean()) - NEAR) < 0.02


def test_whole_runs_are_timed_for_each_stride(bundle: Bundle, catalog: Catalog, video: Path) -> None:
    result = latency(video, Pipeline(catalog=catalog, bundle=bundle), frames=6, strides=(1, 3))
    assert result["frames"] == 6 and [run["every"] for run in result["runs"]] == [1, 3]
    assert all(run["fps"] > 0 and run["cpu_ms"] > 0 for run in result["runs"])


@pytest.mark.parametrize("people", [1, 4, 7, 30])
def test_a_crowd_shows_so_many_people(video: Path, people: int) -> None:
    (frame,) = crowd(read_frames(video, 1), people)
    shirts = (np.abs(frame.image.astype(int) - COLOURS["tops"]).max(2) < 40).astype(np.uint8)
    found = cv2.connectedComponentsWithStats(shirts)[2][1:, cv2.CC_STAT_AREA]
    assert frame.size == (1280, 720) and (found > 0.3 * found.max()).sum() == people


def test_growth_has_all_four_panels_and_is_drawn(
    bundle: Bundle, catalog: Catalog, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks import growth as module

    for name, points in {"PEOPLE": (1, 2), "HEIGHTS": (180, 360), "STREAMS": (1,)}.items():
        monkeypatch.setattr(module, name, points)
    result = growth(video, [catalog], lambda found: Pipeline(catalog=found, bundle=bundle), 3, 0.5)
    assert [len(result[name]) for name in ("people", "resolution", "products", "streams")] == [2, 2, 1, 1]
    pytest.importorskip("matplotlib", reason="pip install 'asworn[bench]'")
    plot(result, tmp_path / "growth.svg")
    assert (tmp_path / "growth.svg").stat().st_size > 5000


def test_streams_account_for_their_frames(bundle: Bundle, video: Path) -> None:
    result = streams_at_once(video, Pipeline(bundle=bundle), 2, 0.6)
    assert 0 <= result["dropped_share"] <= 1 and result["detections_s"] <= result["fps"] + 1e-6


def test_a_long_run_is_sampled(bundle: Bundle, catalog: Catalog, video: Path) -> None:
    told: list[dict[str, float]] = []
    result = long_run(video, Pipeline(catalog=catalog, bundle=bundle), 0.02, every_s=0.2, told=told.append)
    assert result["samples"] == told and len(told) >= 3 and result["frames"] > 0
    assert all(sample["rss_mb"] > 10 for sample in told) and set(result["slope"]) == {
        "rss_mb_per_hour",
        "latency_ms_per_hour",
    }


def test_the_slope_leaves_out_the_beginning() -> None:
    samples = [{"s": 360.0 * i, "x": 100.0 if i < 2 else 5 + 2.0 * i} for i in range(10)]
    assert slope(samples, "x") == pytest.approx(20) and slope(samples[:2], "x") is None


def test_flow_beats_boxes_that_stay_where_things_move() -> None:
    from matcher.types import Frame

    film = [Frame(scene(300 + 20 * i), i, Fraction(1, 25), index=i) for i in range(9)]
    truth = [{1: np.array([300 + 20 * i, 120, 460 + 20 * i, 280], np.float32)} for i in range(9)]
    found = {name: score(film, truth, 3, make())["iou"] for name, make in METHODS.items()}
    assert found["flow"] > 0.9 > found["hold"]


def test_carried_boxes_are_compared_on_a_clip(bundle: Bundle, video: Path) -> None:
    rows = carried(video, Pipeline(bundle=bundle), 8, (2,))
    assert [row["method"] for row in rows] == list(METHODS) and all(0 < row["iou"] <= 1 for row in rows)


@pytest.fixture(scope="module")
def film(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Film:
    other = tmp_path_factory.mktemp("clip") / "scene.mp4"
    with VideoWriter(other, (1280, 720), Fraction(25), Fraction(1, 25)) as writer:
        for i in range(10):
            writer.write(scene(300 + 4 * i), i)
    return make_film([video, other], 8)


def test_a_film_says_where_its_cuts_are(film: Film) -> None:
    assert len(film.cuts) == 7 and len(film.flashes) == 3 and len(film.pans) == 3
    assert all(image.shape == (SIZE[1], SIZE[0], 3) for image in film.images)
    assert 0 < min(film.cuts) and max(film.cuts) < len(film.images)


def test_finders_are_judged_by_what_they_found(film: Film) -> None:
    known = sorted(film.cuts)
    assert judge(film, lambda images: known)["recall"] == judge(film, lambda images: known)["precision"] == 1
    half = judge(film, lambda images: [*known[:1], known[0] + 5])
    assert (half["precision"], half["recall"]) == (0.5, round(1 / 7, 3))
    assert judge(film, lambda images: [])["precision"] == 0
    flashed = judge(film, lambda images: film.flashes)
    assert flashed["flashes"] == 3 and flashed["recall"] == 0


def test_both_finders_run(film: Film) -> None:
    pytest.importorskip("scenedetect", reason="pip install 'asworn[bench]'")
    rows = {row["finder"]: row for row in cuts(film)}
    assert "ours" in rows and len(rows) == 5 and rows["ours"]["recall_place"] == 1
