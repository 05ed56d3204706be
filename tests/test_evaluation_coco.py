"""Average precision on prediction sets whose figures are computed by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from matcher.errors import InputError
from matcher.taxonomy import TYPE_IDS, TYPES
from matcher.types import Garments
from training.evaluation.coco_eval import evaluate_detector, score
from training.evaluation.coco_truth import load_coco
from training.evaluation.output import silent

TOP = {"image_id": 1, "category_id": 7, "bbox": [10, 10, 100, 100], "iscrowd": 0}
FULL = {"segmentation": [[10, 10, 110, 10, 110, 110, 10, 110]]}


def write_coco(folder: Path, annotations: list[dict[str, Any]], **changes: Any) -> Path:
    categories = [{"id": 7, "name": "T-shirt"}, {"id": 8, "name": "jeans"}, {"id": 9, "name": "Shorts"}]
    categories += [{"id": 1, "name": "person"}]
    images = [{"id": 1, "file_name": "a.png", "width": 200, "height": 160}]
    table = {"images": images, "categories": categories, "annotations": annotations, **changes}
    path = folder / "truth.json"
    path.write_text(json.dumps(table))
    return path


def found(*rows: tuple[str, float, list[float]], mask: float | None = None) -> dict[int, Garments]:
    """Candidates of photo 1 from (type, score, xyxy); masks full of `mask` where it is given."""
    xyxy = np.array([row[2] for row in rows], np.float32).reshape(-1, 4)
    probs = np.eye(len(TYPES), dtype=np.float32)[[TYPE_IDS[row[0]] for row in rows]].reshape(-1, len(TYPES))
    masks = None if mask is None else np.full((len(rows), 28, 28), mask, np.float32)
    return {1: Garments(xyxy, np.array([row[1] for row in rows]), type_probs=probs, mask=masks)}


def test_a_perfect_prediction_scores_one_for_boxes_and_masks(tmp_path: Path) -> None:
    truth = load_coco(write_coco(tmp_path, [TOP | FULL]))
    result = score(truth, found(("tops", 0.9, [10, 10, 110, 110]), mask=1.0))
    assert result["box"] == result["mask"] == {"AP": 1.0, "AP50": 1.0, "AP75": 1.0}
    assert result["per_type"] == {"tops": {"AP50": 1.0}}


def test_a_box_of_iou_062_counts_at_three_of_ten_thresholds(tmp_path: Path) -> None:
    truth = load_coco(write_coco(tmp_path, [TOP]))
    result = score(truth, found(("tops", 0.9, [10, 10, 110, 72])))
    assert result["box"] == {"AP": 0.3, "AP50": 1.0, "AP75": 0.0}
    assert result["mask"] is None  # the file has no masks


def test_half_a_mask_in_a_right_box(tmp_path: Path) -> None:
    half = {"segmentation": [[10, 10, 110, 10, 110, 60, 10, 60]]}
    truth = load_coco(write_coco(tmp_path, [TOP | half]))
    result = score(truth, found(("tops", 0.9, [10, 10, 110, 110]), mask=1.0))
    assert result["box"]["AP"] == 1.0
    assert result["mask"]["AP50"] == 1.0 and result["mask"]["AP75"] == 0.0  # IoU is 5000 / 10000


@pytest.mark.parametrize(
    ("rows", "ap50"),
    [
        # the wrong one comes first: precision 1/2 at recall 1
        ([("tops", 0.9, [150, 100, 190, 150]), ("tops", 0.8, [10, 10, 110, 110])], 0.5),
        # the wrong one comes after full recall: harmless
        ([("tops", 0.7, [150, 100, 190, 150]), ("tops", 0.8, [10, 10, 110, 110])], 1.0),
        # a second box on the same garment is a wrong one, also after full recall
        ([("tops", 0.9, [10, 10, 110, 110]), ("tops", 0.8, [11, 11, 110, 110])], 1.0),
        # right place, wrong type
        ([("dresses", 0.9, [10, 10, 110, 110])], 0.0),
        ([], 0.0),
    ],
)
def test_precision_and_recall(tmp_path: Path, rows: list, ap50: float) -> None:
    assert score(load_coco(write_coco(tmp_path, [TOP])), found(*rows))["box"]["AP50"] == ap50


def test_one_of_two_found_gives_51_of_101_recall_points(tmp_path: Path) -> None:
    truth = load_coco(write_coco(tmp_path, [TOP, TOP | {"bbox": [120, 10, 50, 50]}]))
    assert score(truth, found(("tops", 0.9, [10, 10, 110, 110])))["box"]["AP50"] == round(51 / 101, 4)


@pytest.mark.parametrize("category", [7, 1])  # the garment's own category; "person", which stands for every type
def test_what_lies_in_a_crowd_region_is_ignored(tmp_path: Path, category: int) -> None:
    wrong = ("tops", 0.9, [150.0, 100.0, 190.0, 150.0])
    crowd = TOP | {"bbox": [140, 90, 60, 70], "iscrowd": 1, "category_id": category}
    right = ("tops", 0.8, [10.0, 10.0, 110.0, 110.0])
    result = score(load_coco(write_coco(tmp_path, [TOP, crowd])), found(wrong, right))
    assert result["box"]["AP50"] == 1.0 and list(result["per_type"]) == ["tops"]


def test_categories_become_types_by_name(tmp_path: Path) -> None:
    jeans, shorts = TOP | {"category_id": 8}, TOP | {"category_id": 9, "bbox": [120, 10, 50, 50]}
    person = TOP | {"category_id": 1}
    truth = load_coco(write_coco(tmp_path, [jeans, shorts, person]))
    result = score(truth, found(("pants", 0.9, [10, 10, 110, 110]), ("pants", 0.8, [120, 10, 170, 60])))
    assert truth.unknown == ("person",)
    assert result["per_type"] == {"pants": {"AP50": 1.0}}


def test_rle_polygons_and_missing_boxes_are_read(tmp_path: Path) -> None:
    counts = [10 * 160, *([100, 60] * 99), 100, 160 * 200 - 10 * 160 - 99 * 160 - 100]
    plain = {"segmentation": {"size": [160, 200], "counts": counts}, "bbox": None}
    polygon = FULL | {"bbox": None}
    for kind in (plain, polygon):
        (annotation,) = load_coco(write_coco(tmp_path, [TOP | kind])).annotations
        assert annotation["area"] == pytest.approx(10_000, rel=0.03)
        assert annotation["bbox"][2:] == pytest.approx([100, 100], abs=1)


@pytest.mark.parametrize(
    ("annotations", "changes", "says"),
    [
        ([TOP], {"images": None}, "not a COCO file"),
        ([TOP | {"image_id": 5}], {}, "not a usable COCO file"),
        ([TOP | {"category_id": 99}], {}, "not a usable COCO file"),
        ([TOP | {"bbox": None}], {}, "neither bbox nor segmentation"),
        ([TOP | {"category_id": 1}], {}, "no garment of a known type"),
    ],
)
def test_unusable_files_are_named(tmp_path: Path, annotations: list, changes: dict, says: str) -> None:
    path = write_coco(tmp_path, annotations, **changes)
    with pytest.raises(InputError, match=says):
        load_coco(path)


class Known:
    """A detector that knows the answer: the box is where the photo is white."""

    def candidates(self, image: NDArray[np.uint8], threshold: float = 0.05) -> Garments:
        """One top around all white pixels."""
        y, x = np.nonzero(image[..., 0] > 128)
        box = [x.min(), y.min(), x.max() + 1, y.max() + 1] if len(x) else [0, 0, 1, 1]
        return found(("tops", 0.9, box))[1]


@pytest.mark.parametrize("size", [(200, 160), (100, 80)])  # as annotated, and a copy of half the size
def test_a_detector_is_run_over_the_photos(tmp_path: Path, size: tuple[int, int]) -> None:
    photo = np.zeros((160, 200, 3), np.uint8)
    photo[10:110, 10:110] = 255
    cv2.imwrite(str(tmp_path / "a.png"), cv2.resize(photo, size, interpolation=cv2.INTER_NEAREST))
    result = evaluate_detector(Known(), tmp_path, write_coco(tmp_path, [TOP]), 0.05, silent)
    assert result["box"]["AP"] == 1.0
    assert result["photos"] == 1 and result["ms_per_photo"] >= 0


def test_a_photo_of_another_shape_or_missing_is_refused(tmp_path: Path) -> None:
    path = write_coco(tmp_path, [TOP])
    with pytest.raises(InputError, match="no photo"):
        evaluate_detector(Known(), tmp_path, path, 0.05, silent)
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((200, 160, 3), np.uint8))
    with pytest.raises(InputError, match="160x200, but its annotations are for 200x160"):
        evaluate_detector(Known(), tmp_path, path, 0.05, silent)
