"""The retrieval benchmarks' own logic: ranks, look-alikes, places, and what is seen in a clip."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.cache import code_key, key_of
from benchmarks.cli_retrieval import make_entrants
from benchmarks.clip_views import ClipView, Watcher, own_tracks
from benchmarks.clips import Gallery, type_missed
from benchmarks.detail import PRINTED, detail, is_printed
from benchmarks.entrants import HISTOGRAM, bundle_entrant, histogram, unique
from benchmarks.gallery import distractors, products
from benchmarks.items import Item, ItemList, View, item_of, stored
from benchmarks.located import Kept
from benchmarks.parallel import ordered
from benchmarks.places import Finder, Places
from benchmarks.recall import Task, allowed_types, figures, found_under, hard_ranks, lost_by_doubt, ranks, rivals_of
from matcher.bundle import Bundle
from matcher.catalog.catalog import Catalog
from matcher.catalog.listing import worth_asking
from matcher.config import PipelineConfig, TrackConfig
from matcher.pipeline import Pipeline
from matcher.stages.models import Runtime
from matcher.stages.tiers import Thresholds
from matcher.taxonomy import TYPE_IDS, TYPES
from matcher.types import EXACT
from matcher.video.writer import VideoWriter
from tests.toy_bundle import make_bundle, paint
from tests.toy_shop import write_shop
from training.evaluation.output import silent
from training.evaluation.video_truth import Interval

# pycocotools' own, with the newest NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
TOPS, PANTS, BAGS, OUTERWEAR = (TYPE_IDS[name] for name in ("tops", "pants", "bags", "outerwear"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("toy"))


def task(queries: int, gallery: int, seed: int = 0) -> tuple[np.ndarray, Task]:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 6, (queries, gallery)).astype(np.float32) / 5  # many are equal
    rivals = np.full((queries, 4), -1)
    own = rng.integers(0, gallery, queries)
    for i in range(queries):
        others = np.setdiff1d(np.arange(gallery), own[i])
        rivals[i, : 2 + i % 3] = rng.choice(others, 2 + i % 3, replace=False)
    allowed, found = rng.random((queries, gallery)) < 0.7, rng.random(queries) < 0.8
    return scores, Task(own, allowed, found, rivals, {})


def test_ranks_are_those_of_a_plain_loop() -> None:
    scores, asked = task(40, 12)
    for i, own in enumerate(asked.own):
        reachable = asked.found[i] and asked.allowed[i, own]
        rivals = {
            "all": [j for j in range(12) if j != own and asked.allowed[i, j]],
            "hard": [j for j in asked.rivals[i] if j >= 0],
        }
        expected = {name: sum(scores[i, j] >= scores[i, own] for j in rows) for name, rows in rivals.items()}
        assert ranks(scores, asked)[i] == (expected["all"] if reachable else 12)
        assert hard_ranks(scores, asked)[i] == (expected["hard"] if reachable else 12)


def test_vectors_that_are_all_the_same_find_nothing() -> None:
    _, asked = task(10, 30)
    everything = Task(asked.own, np.ones((10, 30), bool), np.ones(10, bool), asked.rivals, {})
    result = figures(np.ones((10, 30), np.float32), everything)
    assert result["all"]["recall@20"] == 0 and result["all"]["hard@1"] == 0


def test_parts_and_types_are_reported_apart() -> None:
    scores = np.array([[0.9, 0.1, 0.2], [0.8, 0.3, 0.1]], np.float32)
    groups = {"printed": np.array([True, False]), "tops": np.array([False, True])}
    asked = Task(np.array([0, 1]), np.ones((2, 3), bool), np.ones(2, bool), np.full((2, 1), -1), groups)
    result = figures(scores, asked)
    assert (result["all"]["recall@1"], result["all"]["recall@5"], result["printed"]["recall@1"]) == (0.5, 1, 1)
    assert result["per_type"]["tops"] == {
        "queries": 1, "recall@1": 0.0, "recall@5": 1.0, "recall@20": 1.0, "hard@1": 1.0, "hard@5": 1.0,
    }  # fmt: skip
    assert result["exact"] is None


def test_exact_with_and_without_the_own_product() -> None:
    scores = np.array([[0.95, 0.5, 0.4], [0.9, 0.95, 0.3], [0.92, 0.91, 0.2], [0.3, 0.2, 0.5]], np.float32)
    asked = Task(np.array([0, 0, 0, 2]), np.ones((4, 3), bool), np.ones(4, bool), np.full((4, 1), -1), {})
    exact = figures(scores, asked, Thresholds(0.9, 0.7))["exact"]
    assert exact == {"right": 0.5, "wrong": 0.25, "false_removed": 0.5}


def test_only_the_likeliest_possible_types_are_searched() -> None:
    probs = np.zeros((2, len(TYPES)), np.float32)
    probs[0, [TOPS, PANTS, BAGS]] = 0.2, 0.5, 0.3
    probs[1, TOPS] = 1
    types, looks = np.array([TOPS, PANTS, BAGS, OUTERWEAR]), np.zeros((4, len(TYPES)), np.float32)
    looks[:, TOPS] = 0.5  # a top for all that the models know: so is the coat, but no trousers and no bag
    allowed = allowed_types(worth_asking(probs, 2, 2), found_under(types, looks))
    assert allowed.tolist() == [[False, True, True, False], [True, False, False, True]]


def test_a_product_loses_by_the_doubt_of_the_likeliest_type_it_is_found_under() -> None:
    probs = np.zeros((1, len(TYPES)), np.float32)
    probs[0, [TOPS, OUTERWEAR, BAGS]] = 0.6, 0.3, 0.1
    types, looks = np.array([TOPS, OUTERWEAR, OUTERWEAR, BAGS]), np.zeros((4, len(TYPES)), np.float32)
    looks[2, TOPS] = 0.5
    lost = lost_by_doubt(worth_asking(probs, 2, 2), found_under(types, looks), 0.02)
    np.testing.assert_allclose(lost, [[0, 0.02 * np.log(2), 0, 0]], atol=1e-6)
    scores, asked = np.array([[0.50, 0.51, 0.4, 0.9]], np.float32), np.array([[True, True, True, False]])
    one = Task(np.array([0]), asked, np.ones(1, bool), np.full((1, 1), -1), {})
    assert figures(scores, one)["all"]["recall@1"] == 0
    assert figures(scores, replace(one, lost=lost))["all"]["recall@1"] == 1


def test_rivals_are_of_the_type_and_nearest_in_colour_first() -> None:
    colours = np.eye(5, dtype=np.float32)
    colours[3] = colours[0] * 0.9
    types = np.array([TOPS, TOPS, PANTS, TOPS, PANTS])
    found = rivals_of(np.array([0, 2]), colours, types)
    assert found[0, :3].tolist() == [3, 1, -1] and found[1, :2].tolist() == [4, -1]


def test_items_come_back_from_disk_as_they_were(tmp_path: Path) -> None:
    mask = np.zeros((30, 40), np.uint8)
    mask[5:20, 10:30] = 1
    item = item_of("a.png", mask, np.array([10, 5, 30, 20]), TOPS, "shirt")
    calls = []
    for _ in range(2):
        kept = stored(tmp_path / "list.json", tmp_path, lambda: (calls.append(1), [item])[1])
    assert calls == [1] and kept.items == (item,)
    np.testing.assert_array_equal(kept.items[0].whole_mask(), mask)
    view = kept.items[0].view(np.zeros((30, 40, 3), np.uint8))
    assert view.mask.shape == (15, 20) and view.mask.all() and view.xyxy.tolist() == [10, 5, 30, 20]


def test_without_a_mask_all_of_the_box_is_garment() -> None:
    item = Item("a.png", (2, 3, 8, 9), "", (10, 10), TOPS, "x")
    assert item.whole_mask().sum() == 36 and item.view(np.zeros((10, 10, 3), np.uint8)).mask.shape == (6, 6)


def plain_and_striped() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    plain = np.full((120, 120, 3), (150, 90, 60), np.uint8)
    plain = (plain * np.linspace(0.8, 1.1, 120)[:, None, None]).astype(np.uint8)  # light falls off slowly
    striped = plain.copy()
    striped[::8] = striped[1::8] = (20, 20, 200)
    return plain, striped, np.ones((120, 120), np.float32)


def test_prints_and_stripes_are_detail_and_shading_is_none() -> None:
    plain, striped, mask = plain_and_striped()
    assert detail(plain, mask) < PRINTED / 2 < 2 * PRINTED < detail(striped, mask)
    assert is_printed(View(striped, np.array([0, 0, 120, 120], np.float32), mask))
    assert detail(striped, np.zeros_like(mask)) == 0


def test_detail_outside_the_garment_does_not_count() -> None:
    plain, striped, mask = plain_and_striped()
    mask[:, 60:] = 0
    image = np.concatenate([plain[:, :60], striped[:, 60:]], 1)
    assert detail(image, mask) < PRINTED


def pictures(folder: Path) -> ItemList:
    """Two painted photos: a top with a bag, and a bag that the truth puts elsewhere."""
    folder.mkdir(exist_ok=True)
    first = paint((320, 192), {"tops": (40, 40, 120, 150), "bags": (200, 50, 260, 120)})
    second = paint((320, 192), {"bags": (200, 50, 260, 120)})
    rows = []
    for name, image, box, kind in (
        ("a.png", first, (40, 40, 120, 150), TOPS),
        ("a.png", first, (200, 50, 260, 120), BAGS),
        ("b.png", second, (20, 20, 80, 80), BAGS),
    ):
        cv2.imwrite(str(folder / name), image)
        rows.append(Item(name, box, "", (192, 320), kind, f"{name}-{kind}"))
    return ItemList(folder, tuple(rows))


def test_worn_garments_are_found_where_they_are(bundle: Bundle, tmp_path: Path) -> None:
    found = Finder(bundle).worn(pictures(tmp_path))
    assert found.found.tolist() == [True, True, False]
    np.testing.assert_allclose(found.xyxy[0], [40, 40, 120, 150], atol=2)
    assert found.type_probs[0].argmax() == TOPS and found.type_probs[1].argmax() == BAGS
    assert found.view(2, np.zeros((192, 320, 3), np.uint8)) is None


def test_shown_products_are_found_as_the_indexer_does(bundle: Bundle, tmp_path: Path) -> None:
    found = Finder(bundle).shown(pictures(tmp_path))
    assert found.found.all() and found.type_probs.argmax(1).tolist() == [TOPS, BAGS, BAGS]
    np.testing.assert_allclose(found.xyxy[1], [200, 50, 260, 120], atol=2)
    found.save(tmp_path / "p.npz")
    again = Places.load(tmp_path / "p.npz")
    np.testing.assert_array_equal(again.mask, found.mask)


def test_the_bundles_own_embedder_comes_first(bundle: Bundle) -> None:
    entrants = make_entrants(bundle, Runtime(threads=1), [str(bundle.folder)], [], with_baselines=False)
    assert [one.name for one in entrants] == ["toy 1", "toy 1 (2)", HISTOGRAM]
    assert entrants[0].thresholds == Thresholds(0.98, 0.9) and entrants[2].thresholds is None


def test_vectors_are_made_once_and_name_by_name(bundle: Bundle, tmp_path: Path) -> None:
    items = pictures(tmp_path / "pictures")
    entrants = unique([bundle_entrant(bundle, "ours"), histogram(), bundle_entrant(bundle, "ours")])
    assert [one.name for one in entrants] == ["ours", HISTOGRAM, "ours (2)"]
    kept = Kept(entrants, bundle, tmp_path / "cache", workers=2)
    (tmp_path / "cache").mkdir()
    places, vectors = kept.worn(items)
    assert set(vectors) == {one.name for one in entrants} and not vectors["ours"][2].any()
    np.testing.assert_allclose(np.linalg.norm(vectors["ours"][:2], axis=1), 1, atol=1e-5)
    for name in ("a.png", "b.png"):
        (items.root / name).unlink()  # what is kept needs no picture
    np.testing.assert_array_equal(kept.worn(items)[1][HISTOGRAM], vectors[HISTOGRAM])


def test_work_in_threads_keeps_its_order_and_its_errors() -> None:
    assert list(ordered(lambda n: n * n, range(50), 3)) == [n * n for n in range(50)]
    with pytest.raises(ZeroDivisionError):
        list(ordered(lambda n: 1 // n, [1, 0, 2], 2))


def test_keys_follow_content_and_code() -> None:
    import benchmarks.cache
    import benchmarks.items

    assert key_of("a", "b") == key_of("a", "b") != key_of("ab")
    assert code_key([benchmarks.cache]) != code_key([benchmarks.items])


def street_and_shop(root: Path) -> Path:
    """A data folder with two shop photos and no street photo."""
    for split, name in (("train", "a"), ("validation", "b")):
        folder = root / "clothing" / split / "t-shirt"
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / f"{name}.png"), paint((200, 200), {"tops": (50, 50, 150, 150)}, ground=240))
    (root / "ccp").mkdir()
    (root / "ccp" / "instances.json").write_text('{"images": [], "annotations": [], "categories": []}')
    return root


def test_gallery_takes_each_split_for_its_own(tmp_path: Path) -> None:
    data = street_and_shop(tmp_path)
    (held,), (other,) = products(data), distractors(data, 10)
    assert held.identity == "flat-validation-b" and other.identity == "flat-train-a"
    assert held.type_id == TOPS and 0.9 < held.whole_mask().sum() / 100**2 < 1.1


def clip(path: Path) -> Path:
    """Four seconds: a top moves; in the second second it is a bag's colour on its right, too."""
    with VideoWriter(path, (320, 192), Fraction(10), Fraction(1, 10)) as writer:
        for i in range(40):
            writer.write(paint((320, 192), {"tops": (20 + i, 40, 100 + i, 150), "bags": (220, 50, 280, 120)}), i)
    return path


def watched(bundle: Bundle, folder: Path, truth: list[Interval]) -> object:
    shop = write_shop(folder / "whole", bundle)
    config = PipelineConfig(threads=1, track=TrackConfig(refresh_s=0.3))
    poor = write_shop(folder / "poor", bundle, types=("hats",), prefix="q")
    whole, removed = (Pipeline(config, Catalog.load(c.path, bundle.embedder_hash), bundle) for c in (shop, poor))
    entrants = [bundle_entrant(bundle, "ours"), histogram()]
    types = {"p-tops": TOPS, "p-bags": BAGS}
    return Watcher(whole, removed, entrants, truth, types).watch(clip(folder / "clip.mp4"), silent)


def test_a_clip_says_which_track_is_which_product(bundle: Bundle, tmp_path: Path) -> None:
    seen = watched(bundle, tmp_path, [Interval(0, 3.9, "p-tops"), Interval(0, 3.9, "p-bags")])
    tracks = {track.product: track for track in own_tracks(seen)}
    assert set(tracks) == {"p-tops", "p-bags"} and all(t.said == name for name, t in tracks.items())
    assert all(track.tier == EXACT and track.tier_removed != EXACT for track in tracks.values())
    assert seen.seen_s > 0.9 * seen.listed_s > 0
    assert {view.product for view in seen.views} == {"p-tops", "p-bags"} and len(seen.views) >= 12
    assert all(set(view.vectors) == {"ours", HISTOGRAM} for view in seen.views)
    assert len(list(seen.track_means())) == 2


def test_moments_that_the_truth_leaves_out_are_not_embedded(bundle: Bundle, tmp_path: Path) -> None:
    # The bag is listed for one tenth of a second, at the end: before that its place is hidden.
    seen = watched(bundle, tmp_path, [Interval(0, 3.9, "p-tops"), Interval(3.6, 3.65, "p-bags")])
    bag = next(track for track in own_tracks(seen) if track.product == "p-bags")
    assert bag.frames <= 2 and {view.product for view in seen.views} == {"p-tops", "p-bags"}
    top = next(track for track in own_tracks(seen) if track.product == "p-tops")
    assert top.said == "p-tops" and top.seconds > 3


def test_views_whose_type_is_not_searched_are_counted() -> None:
    looks = np.zeros((2, len(TYPES)), np.float32)
    gallery = Gallery(["shirt", "bag"], np.array([TOPS, BAGS]), looks, {}, 2)
    probs = np.zeros(len(TYPES), np.float32)
    probs[[TOPS, PANTS]] = 0.7, 0.3
    views = [ClipView(name, 1, probs, {}) for name in ("shirt", "bag", "shirt", "shirt")]
    assert type_missed(views, gallery) == 0.25
