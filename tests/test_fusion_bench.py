"""The fusion benchmark's own logic: methods, judging, and tracks collected from frames."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmarks.cli_fusion import rows as table_rows
from benchmarks.fusion_clips import Watcher
from benchmarks.fusion_methods import BEST, MEAN, METHODS, SHIPPED, SINGLE
from benchmarks.fusion_score import Answers, ask, choose_exact, figures
from matcher.taxonomy import TYPES
from matcher.types import Frame, Garments
from tests.toy_bundle import make_bundle, paint
from training.fusion.tracks import MEASURES, Gallery, Track, TrackSet

TOPS, PANTS = TYPES.index("tops"), TYPES.index("pants")


def track(views: list[list[float]], qualities: list[float], wanted: int, type_id: int = TOPS) -> Track:
    vectors = np.array(views, np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    times = np.arange(len(views), dtype=np.float64)
    probs = np.eye(len(TYPES), dtype=np.float32)[type_id]
    measures = np.zeros((len(views), len(MEASURES)), np.float32)
    return Track(vectors, np.array(qualities, np.float32), measures, times, probs, wanted)


def gallery(*types: int) -> Gallery:
    return Gallery(np.eye(len(types), 4, dtype=np.float32), np.array(types))


def test_each_method_asks_in_its_own_way() -> None:
    shop, one = gallery(TOPS, TOPS, TOPS), track([[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0.1, 0]], [0.9, 0.2, 0.2], 1)
    scores = {name: method(one, shop) for name, method in METHODS.items()}
    assert scores[SINGLE].tolist() == pytest.approx([1, 0, 0])
    assert scores[BEST].tolist() == pytest.approx([1, 1, 0.0995], abs=1e-3)
    assert scores[MEAN][1] > scores[MEAN][0] > 0
    assert all(values.shape == (3,) for values in scores.values())


def test_the_shipped_fusion_weighs_by_quality() -> None:
    shop, one = gallery(TOPS, TOPS), track([[1, 0.4, 0, 0], [0.4, 1, 0, 0]], [0.1, 0.9], 1)
    shipped, mean = METHODS[SHIPPED](one, shop), METHODS[MEAN](one, shop)
    assert mean[0] == pytest.approx(mean[1]) and shipped[1] > shipped[0] + 0.2


def test_only_the_tracks_types_are_searched_and_the_removed_product_is_gone() -> None:
    found = TrackSet([track([[0.9, 1, 0.5, 0]], [1], 0)], gallery(TOPS, PANTS, TOPS))
    answers = ask(found, METHODS[SINGLE])
    assert answers.rank.tolist() == [0], "the pants score more, but are not searched"
    assert answers.top[0] > answers.absent[0] == pytest.approx(0.5 / np.sqrt(2.06), abs=1e-4)


def test_a_product_of_a_type_that_is_not_searched_is_not_found() -> None:
    found = TrackSet([track([[0, 1, 0, 0]], [1], 1)], gallery(TOPS, PANTS))
    assert ask(found, METHODS[SINGLE]).rank.tolist() == [1]


def test_figures_from_answers() -> None:
    answers = Answers(
        np.array([0, 0, 3, 9]), np.array([0.9, 0.5, 0.95, 0.4], np.float32), np.array([0.8, 0.3, 0.2, 0.1], np.float32)
    )
    result = figures(answers, 0.7)
    assert (result["recall@1"], result["recall@5"]) == (0.5, 0.75)
    assert (result["recall_exact"], result["false_exact_removed"]) == (0.25, 0.25)
    assert figures(answers, choose_exact(answers))["false_exact_removed"] == 0
    lines = table_rows({"one": result, "two": {**result, "recall@1": 0.75}})
    assert [line[3] for line in lines] == ["+0.0", "+25.0"]


def test_a_watcher_keeps_the_views_of_known_products(tmp_path: Path) -> None:
    watcher = Watcher(make_bundle(tmp_path / "bundle"), threads=1)
    boxes = {"tops": (40, 20, 100, 90), "pants": (40, 95, 100, 150)}
    frames = [Frame(paint((200, 160), boxes), i, Fraction(1, 5)) for i in range(20)]

    def judge(frame: Frame, garments: Garments, row: int) -> str | None:
        return {TOPS: "shirt", PANTS: "unlisted"}[int(garments.type_id[row])]

    (found,) = watcher(frames, judge, {"shirt": 4})
    assert found.wanted == 4 and found.type_probs.argmax() == TOPS and len(found) >= 3
    assert (np.diff(found.times) > 0).all() and found.measures.shape == (len(found), len(MEASURES))
    assert np.allclose(np.linalg.norm(found.embeddings, axis=1), 1, atol=1e-5)
    assert watcher(frames, lambda *given: None, {"shirt": 4}) == []
    changing = iter(range(100))
    assert watcher(frames, lambda *given: f"p{next(changing)}", {f"p{i}": i for i in range(100)}) == []
