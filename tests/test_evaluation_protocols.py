"""Each metric against a slow plain loop, and against pycocotools where it has the same."""

from __future__ import annotations

import contextlib
import io
import math
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from training.datasets.records import Instance, Picture
from training.datasets.report import Broken
from training.evaluation.attributes_eval import BOX, Attributes, evaluate_attributes, f1_of
from training.evaluation.calibration import calibration, confusion, top_k
from training.evaluation.landmarks_eval import VISIBLE, constants, evaluate_landmarks, garments_of
from training.evaluation.retrieval_protocols import TOPS, deepfashion2, grouped, movingfashion

COUNT = 12  # attributes
Row = dict[str, Any]


def scene(seed: int, photos: int = 6) -> tuple[list[Row], list[Row]]:
    """Garments of two categories with attributes, and finds near them: shifted, relabelled, doubled, invented."""
    rng = np.random.default_rng(seed)
    garments, finds = [], []
    for image in range(photos):
        for _ in range(rng.integers(0, 5)):
            x, y = rng.uniform(0, 60, 2)
            box = [x, y, *rng.uniform(15, 40, 2)]
            own = {"image_id": image, "category_id": int(rng.integers(2)), "bbox": box, "iscrowd": 0}
            own["attribute_ids"] = sorted(rng.choice(COUNT, rng.integers(0, 5), replace=False).tolist())
            garments.append({**own, "id": len(garments) + 1, "area": box[2] * box[3]})
            for _ in range(rng.integers(0, 3)):
                moved = (np.array(box) + rng.normal(0, 2.5, 4)).clip(1).tolist()
                kept = [a for a in own["attribute_ids"] if rng.random() < 0.8]
                extra = rng.choice(COUNT, rng.integers(0, 2), replace=False).tolist()
                label = own["category_id"] if rng.random() < 0.9 else 1 - own["category_id"]
                find = {"image_id": image, "category_id": label, "bbox": moved, "score": float(rng.random())}
                finds.append({**find, "attribute_ids": sorted({*kept, *extra})})
        finds.append({"image_id": image, "category_id": 0, "bbox": [5, 5, 20, 20], "score": 0.3, "attribute_ids": [0]})
    return garments, finds


def as_truth(garments: list[Row], judged: set[int], photos: int = 6) -> Attributes:
    cells: dict[tuple[int, int], list[Row]] = {}
    for row in garments:
        cells.setdefault((row["image_id"], row["category_id"]), []).append(row)
    return Attributes(COUNT, cells, {i: (100, 100) for i in range(photos)}, judged)


def slow_iou(a: list[float], b: list[float]) -> float:
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def slow_f1(a: list[int], b: list[int]) -> float:
    """Mean over the classes 1 and 0 of 2TP / (2TP + FP + FN), attribute by attribute."""
    scores = []
    for value in (1, 0):
        tp = sum((i in a) == value and (i in b) == value for i in range(COUNT))
        wrong = sum(((i in a) == value) != ((i in b) == value) for i in range(COUNT))
        if tp or wrong:
            scores.append(2 * tp / (2 * tp + wrong))
    return sum(scores) / len(scores)


def slow_ap(garments: list[Row], finds: list[Row], category: int, iou: float, f1: float) -> float | None:
    known = [g for g in garments if g["category_id"] == category]
    if not known:
        return None
    order = sorted((f for f in finds if f["category_id"] == category), key=lambda f: -f["score"])
    used: set[int] = set()
    right = []
    for find in order:
        best, best_iou, best_f1 = None, iou, f1
        for g in known:
            if g["image_id"] != find["image_id"] or g["id"] in used:
                continue
            i, f = slow_iou(find["bbox"], g["bbox"]), slow_f1(find["attribute_ids"], g["attribute_ids"])
            if i >= best_iou and f >= best_f1:
                best, best_iou, best_f1 = g["id"], i, f if f1 >= 0 else f1
        right.append(best is not None)
        used |= {best} if best is not None else set()
    total = 0.0
    for recall in np.linspace(0, 1, 101):
        best_precision = 0.0
        for n in range(1, len(right) + 1):
            if sum(right[:n]) / len(known) >= recall:
                best_precision = max(best_precision, sum(right[:n]) / n)
        total += best_precision
    return total / 101


@pytest.mark.parametrize("seed", range(3))
def test_average_precision_with_attributes_against_a_plain_loop(seed: int) -> None:
    garments, finds = scene(seed)
    result = evaluate_attributes(as_truth(garments, {0}), finds, BOX)
    steps = [0.5 + 0.05 * i for i in range(10)]
    judged = [slow_ap(garments, finds, 0, i, f) for i in steps for f in steps]
    plain = [slow_ap(garments, finds, 1, i, -1) for i in steps]
    assert result["AP"] == pytest.approx(np.mean(judged + plain), abs=1e-4)
    assert result["AP_IoU50_F75"] == pytest.approx(
        np.mean([slow_ap(garments, finds, 0, 0.5, 0.75), slow_ap(garments, finds, 1, 0.5, -1)]), abs=1e-4
    )
    assert 0 < result["AP"] < result["AP_IoU"] < 1


@pytest.mark.parametrize("seed", range(3))
def test_without_attributes_it_is_cocos_average_precision(seed: int) -> None:
    garments, finds = scene(seed)
    images, categories = [{"id": i} for i in range(6)], [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}]
    truth, said = COCO(), COCO()
    truth.dataset = {"images": images, "annotations": garments, "categories": categories}
    rows = [{**f, "id": i, "area": 1.0, "iscrowd": 0} for i, f in enumerate(finds, 1)]
    said.dataset = {"images": images, "annotations": rows, "categories": categories}
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        said.createIndex()
        judge = COCOeval(truth, said, "bbox")
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]
        judge.evaluate()
        judge.accumulate()
    expected = judge.eval["precision"][:, :, :, 0, -1]
    result = evaluate_attributes(as_truth(garments, set()), finds, BOX)
    assert result["AP"] == pytest.approx(expected[expected > -1].mean(), abs=1e-4)
    assert result["AP_IoU50"] == pytest.approx(expected[0][expected[0] > -1].mean(), abs=1e-4)
    judged = evaluate_attributes(as_truth(garments, {0, 1}), finds, BOX)
    assert judged["AP_IoU"] == result["AP"]


def test_f1_of_attributes_against_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        a, b = (rng.choice(COUNT, rng.integers(0, COUNT + 1), replace=False).tolist() for _ in range(2))
        assert f1_of(a, b, COUNT) == pytest.approx(slow_f1(a, b))
    assert f1_of([], [], COUNT) == 1.0


def test_perfect_finds_score_one_and_wrong_attributes_score_by_outline_alone() -> None:
    garments, _ = scene(4)
    right = [{**g, "score": 0.9} for g in garments]
    assert evaluate_attributes(as_truth(garments, {0, 1}), right, BOX)["AP"] == 1.0
    wrong = [
        {**g, "score": 0.9, "attribute_ids": [a for a in range(COUNT) if a not in g["attribute_ids"]]} for g in garments
    ]
    result = evaluate_attributes(as_truth(garments, {0, 1}), wrong, BOX)
    assert result["AP"] == 0.0 and result["AP_IoU"] == 1.0


def landmark_scene(seed: int) -> tuple[list[Picture], list[Row]]:
    starts, _ = constants()
    rng = np.random.default_rng(seed)
    pictures, finds = [], []
    for image, category in ((1, 1), (2, 8), (3, 1), (3, 9)):
        count = int(starts[category] - starts[category - 1])
        points = rng.uniform(20, 120, (count, 2))
        seen = rng.integers(0, 3, count)
        name = ("short sleeve top", "trousers", "skirt")[(1, 8, 9).index(category)]
        marks = tuple((float(x), float(y), int(v)) for (x, y), v in zip(points, seen, strict=True))
        pictures.append(
            Picture(
                f"validation/{image:06d}", None, instances=(Instance(name, 0, (10, 10, 130, 150), landmarks=marks),)
            )
        )
        for noise in (2.0, 6.0):
            flat = np.zeros((int(starts[-1]), 3))
            flat[starts[category - 1] : starts[category], :2] = points + rng.normal(0, noise, points.shape)
            row = {"image_id": image, "category_id": category, "score": float(rng.random())}
            finds.append({**row, "keypoints": flat.ravel().tolist()})
    return pictures, finds


@pytest.mark.parametrize("which", [VISIBLE, "hidden_too"])
def test_landmarks_against_a_plain_loop(which: str) -> None:
    pictures, finds = landmark_scene(5)
    starts, sigmas = constants()
    names = {"short sleeve top": 1, "trousers": 8, "skirt": 9}
    least = 2 if which == VISIBLE else 1
    garments = [(int(p.name[-6:]), names[p.instances[0].category], p.instances[0]) for p in pictures]

    def similarity(find: Row, instance: Instance, category: int) -> float:
        area, total, count = 120 * 140, 0.0, 0
        for i, (x, y, v) in enumerate(instance.landmarks):
            if v >= least:
                at = int(starts[category - 1]) + i
                fx, fy = find["keypoints"][3 * at : 3 * at + 2]
                total += math.exp(-((fx - x) ** 2 + (fy - y) ** 2) / (2 * sigmas[at]) ** 2 / area / 2)
                count += 1
        return total / count

    def slow(threshold: float, category: int) -> float:
        known = [(image, instance) for image, own, instance in garments if own == category]
        used, right = set(), []
        for find in sorted((f for f in finds if f["category_id"] == category), key=lambda f: -f["score"]):
            options = [
                (similarity(find, instance, category), n)
                for n, (image, instance) in enumerate(known)
                if image == find["image_id"] and n not in used
            ]
            best = max(options, default=(0, -1))
            right.append(best[0] >= threshold)
            used |= {best[1]} if right[-1] else set()
        hits = np.cumsum(right)
        points = [(hits[n] / len(known), hits[n] / (n + 1)) for n in range(len(right))]
        return float(np.mean([max([p for r, p in points if r >= at], default=0) for at in np.linspace(0, 1, 101)]))

    result = evaluate_landmarks(garments_of(pictures, which), finds)
    expected = np.mean([[slow(t, c) for c in (1, 8, 9)] for t in np.linspace(0.5, 0.95, 10)])
    assert result["AP"] == pytest.approx(expected, abs=1e-4) and 0 < result["AP"] < 1
    assert (result["garments"], result["finds"]) == (4, 8)


def test_landmarks_in_another_form_are_refused() -> None:
    pictures, _ = landmark_scene(1)
    find = {"image_id": 1, "category_id": 1, "score": 1, "keypoints": [1.0] * 75}
    with pytest.raises(Broken, match="has 75 numbers, not 882"):
        evaluate_landmarks(garments_of(pictures), [find])


def slow_rank_figures(rankings: list[list[bool]], relevant: list[int], queries: int) -> dict[str, float]:
    figures = {f"top{k}": sum(1 for r in rankings if any(r[:k])) / queries for k in TOPS}
    total = 0.0
    for ranking, count in zip(rankings, relevant, strict=True):
        hits, own = 0, 0.0
        for place, right in enumerate(ranking, 1):
            if right:
                hits += 1
                own += hits / place
        total += own / min(count, len(ranking)) if count else 0.0
    return figures | {"mAP": total / queries}


@pytest.mark.parametrize("seed", range(3))
def test_a_search_within_categories_against_a_plain_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(60, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = [f"p{i}" for i in rng.integers(0, 12, 60)]
    kinds = ["tops" if int(i[1:]) % 2 else "bags" for i in ids]
    result = grouped(vectors[:15], vectors[15:], ids[:15], ids[15:], kinds[:15], kinds[15:])
    rankings, relevant = [], []
    for q in range(15):
        rows = [g for g in range(15, 60) if kinds[g] == kinds[q]]
        rows.sort(key=lambda g: -float(vectors[q] @ vectors[g]))
        rankings.append([ids[g] == ids[q] for g in rows])
        relevant.append(sum(rankings[-1]))
    expected = slow_rank_figures(rankings, relevant, 15)
    assert {k: result[k] for k in expected} == pytest.approx(expected, abs=1e-4)
    assert sum(g["queries"] for g in result["per_group"].values()) == 15


def df2_world() -> tuple[list[Row], list[Row], list[Row]]:
    """Photo 1 has two garments; its second is style 0. Photo 2's garment is found under another class only."""
    queries = [
        {"query_image_id": 1, "bbox": [0, 0, 50, 50], "style": 1, "pair_id": 7, "cls": 1},
        {"query_image_id": 1, "bbox": [0, 60, 50, 100], "style": 0, "pair_id": 7, "cls": 8},
        {"query_image_id": 2, "bbox": [0, 0, 50, 50], "style": 2, "pair_id": 7, "cls": 1},
        {"query_image_id": 3, "bbox": [0, 0, 50, 50], "style": 1, "pair_id": 8, "cls": 1},
    ]
    gallery = [
        {"gallery_image_id": 90, "bbox": [0, 0, 40, 40], "style": 1, "pair_id": 7},
        {"gallery_image_id": 91, "bbox": [0, 0, 40, 40], "style": 2, "pair_id": 7},
        {"gallery_image_id": 92, "bbox": [0, 0, 40, 40], "style": 1, "pair_id": 7},
    ]

    def find(image: int, box: list[int], score: float, cls: int, ids: list[int], boxes: list[list[int]]) -> Row:
        return {
            "query_image_id": image,
            "query_bbox": box,
            "query_score": score,
            "query_cls": cls,
            "gallery_image_id": ids,
            "gallery_bbox": boxes,
        }

    small, whole = [30, 30, 70, 70], [0, 0, 42, 42]
    results = [
        # The surer of two finds speaks for the first garment: 90 in a wrong box, 91 is another style, then 92.
        find(1, [0, 0, 48, 52], 0.9, 1, [90, 91, 92], [small, whole, whole]),
        find(1, [2, 0, 50, 50], 0.5, 1, [90, 91, 92], [whole, whole, whole]),
        find(1, [0, 62, 50, 99], 0.99, 8, [90, 91, 92], [whole, whole, whole]),
        find(2, [0, 0, 50, 50], 0.9, 3, [91, 90, 92], [whole, whole, whole]),
    ]
    return results, queries, gallery


def test_the_protocol_of_deepfashion2_on_a_hand_made_world() -> None:
    result = deepfashion2(*df2_world())
    # Three garments are asked for; the first is found third, the others are missed.
    assert (result["queries"], result["missed"], result["top1"]) == (3, 2, 0.0)
    assert result["top5"] == result["top20"] == round(1 / 3, 4)
    # Two right garments, one of them found at place 3.
    assert result["mAP"] == round((1 / 3) / 2 / 3, 4)


def test_classes_count_only_where_both_sides_say_them() -> None:
    results, queries, gallery = df2_world()
    bare = [{k: v for k, v in row.items() if k != "query_cls"} for row in results]
    assert deepfashion2(bare, queries, gallery)["top1"] == round(1 / 3, 4)
    assert deepfashion2([], queries, gallery)["missed"] == 3


def test_video_to_shop_against_a_plain_loop() -> None:
    rng = np.random.default_rng(2)
    shop = rng.normal(size=(9, 4)).astype(np.float32)
    shop /= np.linalg.norm(shop, axis=1, keepdims=True)
    products = [f"p{i}" for i in range(9)]
    sources = [1 if i % 3 else 2 for i in range(9)]
    views = {}
    for i, name in enumerate(products[:-1]):  # the last video gave no view
        own = shop[i] + rng.normal(0, 0.7, (5, 4)).astype(np.float32)
        views[name] = own / np.linalg.norm(own, axis=1, keepdims=True), rng.random(5)
    result = movingfashion(views, shop, products, sources)
    for part in ("all", "regular", "hard"):
        chosen = [i for i in range(9) if part == "all" or (sources[i] == 1) == (part == "regular")]
        single = mean = 0.0
        for i in chosen[: -1 if chosen[-1] == 8 else None]:
            found, _ = views[products[i]]
            single += sum(int(np.argmax(shop @ v) == i) for v in found) / len(found)
            mean += int(np.argmax(shop @ found.mean(0)) == i)
        assert result["single frames"][part]["top1"] == pytest.approx(single / len(chosen), abs=1e-4)
        assert result["mean descriptor"][part]["top1"] == pytest.approx(mean / len(chosen), abs=1e-4)
    assert result["mean descriptor"]["all"]["videos"] == 9 and 0 < result["mean descriptor"]["all"]["mAP"] < 1


def test_calibration_against_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(4) * 0.4, 400)
    truth = np.array([rng.choice(4, p=p) if rng.random() < 0.7 else rng.integers(4) for p in probs])
    result = calibration(probs, truth, bins=10)
    ece = 0.0
    for low in range(10):
        rows = [i for i in range(400) if low / 10 < max(probs[i]) <= (low + 1) / 10]
        if rows:
            accuracy = sum(int(np.argmax(probs[i]) == truth[i]) for i in rows) / len(rows)
            ece += len(rows) / 400 * abs(accuracy - sum(max(probs[i]) for i in rows) / len(rows))
    assert result["ece"] == pytest.approx(ece, abs=1e-4)
    brier = sum(sum((probs[i][c] - (truth[i] == c)) ** 2 for c in range(4)) for i in range(400)) / 400
    assert result["brier"] == pytest.approx(brier, abs=1e-4)
    assert sum(row["count"] for row in result["table"]) == 400


def test_a_classifier_that_is_always_sure_and_always_wrong() -> None:
    result = calibration(np.eye(3)[[0, 0]], np.array([1, 2]))
    assert result["ece"] == result["mce"] == 1.0 and result["brier"] == 2.0
    assert calibration(np.zeros((0, 3)), np.zeros(0, int))["ece"] == 0.0


def test_top_k_and_confusion() -> None:
    probs = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.4, 0.4, 0.2]])
    truth = np.array([1, 2, 0])
    assert top_k(probs, truth, (1, 2, 3)) == {"top1": round(1 / 3, 4), "top2": 1.0, "top3": 1.0}  # a tie is lost
    assert confusion(truth, probs.argmax(1), 3).tolist() == [[1, 0, 0], [1, 0, 0], [0, 0, 1]]
