"""`asworn eval set|protocol|attributes|landmarks`, and the pictures of figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from matcher.boxes import iou
from matcher.cli.commands import as_command
from matcher.errors import InputError
from matcher.types import Garments
from tests.test_evaluation_cli import world  # noqa: F401 - the fixture
from tests.test_evaluation_protocols import df2_world, landmark_scene
from tests.training import published
from training.cli_eval import app
from training.datasets.registry import open_set
from training.evaluation.output import silent
from training.evaluation.plots import _plane, confusion_picture, curves, embedding_map, reliability, save, sheet
from training.evaluation.protocol_run import answer_sheet, run_protocol

BOXES = np.array([published.TOP, published.PANTS], np.float32)
TYPE_OF_BOX = (10, 8)


class Colours:
    """Describes a garment by the mean colour in its box; finds the two boxes that every photo has."""

    def __call__(self, image: np.ndarray, boxes: list[Any]) -> list[Garments]:
        return [self._row(image, BOXES[:1] if box is None else box[None]) for box in boxes]

    def everything(self, image: np.ndarray) -> Garments:
        return self._row(image, BOXES)

    @staticmethod
    def _row(image: np.ndarray, boxes: np.ndarray) -> Garments:
        means = []
        for x0, y0, x1, y1 in boxes.astype(int):
            colour = image[y0:y1, x0:x1].reshape(-1, 3).astype(np.float32).mean(0) - 128
            means.append(colour / max(np.linalg.norm(colour), 1e-6))
        probs = np.zeros((len(boxes), 11), np.float32)
        for i, box in enumerate(boxes):
            probs[i, TYPE_OF_BOX[int(iou(box[None], BOXES)[0].argmax())]] = 1
        score = np.linspace(0.9, 0.8, len(boxes), dtype=np.float32)
        return Garments(boxes, score=score, type_probs=probs, embedding=np.array(means, np.float32))


def asworn_eval(*arguments: object) -> None:
    as_command(app, "eval").main([str(argument) for argument in arguments], standalone_mode=False)


def same_colours(root: Path) -> Path:
    """DeepFashion2's validation photos such that those of one pair show the same garments."""
    published.deepfashion2(root)
    for path in (root / "validation" / "annos").iterdir():
        pair = json.loads(path.read_text())["pair_id"]
        published.write_photo(root / "validation" / "image" / f"{path.stem}.jpg", pair)
    return root


def test_deepfashion2_is_run_on_detected_boxes(tmp_path: Path) -> None:
    data = open_set("deepfashion2", same_colours(tmp_path))
    run = run_protocol("deepfashion2", data, Colours(), silent)
    result, answers = run.figures, run.answers
    # Two products, each worn on two photos; a shop photo of each.
    assert (result["queries"], result["gallery"], result["missed"]) == (4, 4, 0)
    assert result["top1"] == 1.0 and result["mAP"] == 1.0 and result["unread"] == 0
    assert answers[0].found[0][1] and answer_sheet(answers, "title").ndim == 3


def test_a_damaged_photo_is_counted_and_left_out(tmp_path: Path) -> None:
    root = same_colours(tmp_path)
    (root / "validation" / "image" / "000001.jpg").write_bytes(b"\xff\xd8\xff")
    run = run_protocol("deepfashion2", open_set("deepfashion2", root), Colours(), silent)
    assert run.figures["unread"] == 1


@pytest.mark.parametrize("name", ["street2shop", "deepfashion-consumer", "deepfashion-inshop", "movingfashion"])
def test_every_protocol_runs(name: str, tmp_path: Path) -> None:
    data = open_set(name, published.WRITERS[name](tmp_path / "set"))
    run = run_protocol(name, data, Colours(), silent)
    result = run.figures
    assert result["set"] == name and run.answers and run.gallery
    figures = result["ways"]["mean descriptor"]["all"] if name == "movingfashion" else result
    assert 0 <= figures["top1"] <= figures["top20"] <= 1


def test_sets_without_a_protocol_are_refused(tmp_path: Path) -> None:
    data = open_set("fashionpedia", published.fashionpedia(tmp_path))
    with pytest.raises(InputError, match="fashionpedia has no retrieval protocol; those that have one are"):
        run_protocol("fashionpedia", data, Colours(), silent)


def test_the_command_runs_a_bundle(world: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:  # noqa: F811
    root, out = published.inshop(tmp_path / "set"), tmp_path / "out.json"
    options = ("--bundle", world / "bundle", "--threads", 1, "--picture", tmp_path / "sheet.png", "--json", out)
    options += ("--map", tmp_path / "map.png")
    asworn_eval("set", "deepfashion-inshop", root, *options)
    result = json.loads(out.read_text())
    assert (result["queries"], result["gallery"], result["top1"]) == (1, 1, 1.0)
    assert all(cv2.imread(str(tmp_path / f"{name}.png")) is not None for name in ("sheet", "map"))
    assert "mAP" in capsys.readouterr().out


def test_results_of_another_program_under_deepfashion2s_protocol(tmp_path: Path) -> None:
    files = [published.write_json(tmp_path / f"{i}.json", rows) for i, rows in enumerate(df2_world())]
    options = [v for pair in zip(("--results", "--queries", "--gallery"), files, strict=True) for v in pair]
    asworn_eval("protocol", *options, "--json", tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text())["top5"] == round(1 / 3, 4)
    published.write_json(files[0], [{"query_image_id": 1}])
    with pytest.raises(InputError, match="0.json entry 0 lacks query_bbox, query_score"):
        asworn_eval("protocol", *options)
    for key, value in (("query_bbox", [1, 2]), ("query_score", "high"), ("gallery_bbox", [[0, 0, 1, 1]])):
        published.write_json(files[0], [{**row, key: value} for row in df2_world()[0]])
        with pytest.raises(InputError, match="0.json cannot be scored"):
            asworn_eval("protocol", *options)
    files[0].write_text("{")
    with pytest.raises(InputError, match="is not valid JSON"):
        asworn_eval("protocol", *options)


def test_attributes_of_fashionpedia(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    root = published.fashionpedia(tmp_path / "set")
    truth = root / "annotations" / "instances_attributes_val2020.json"
    note = json.loads(truth.read_text())
    perfect = [{**row, "score": 0.9} for row in note["annotations"]]
    results = published.write_json(tmp_path / "results.json", perfect)
    for kind in ("segm", "bbox"):
        asworn_eval(
            "attributes", "--annotations", truth, "--results", results, "--iou", kind, "--json", tmp_path / "o.json"
        )
        figures = json.loads((tmp_path / "o.json").read_text())
        assert figures["AP"] == figures["AP_IoU50_F75"] == 1.0
    assert "sleeve" in capsys.readouterr().out
    # With another attribute on the tops only their outlines are right; sleeves have none on either side.
    wrong = [{**row, "attribute_ids": [8]} if row["attribute_ids"] else row for row in perfect]
    published.write_json(results, wrong)
    asworn_eval("attributes", "--annotations", truth, "--results", results, "--json", tmp_path / "o.json")
    figures = json.loads((tmp_path / "o.json").read_text())
    top = figures["per_category"]["top, t-shirt, sweatshirt"]
    assert top == {"AP": 0.0, "AP_IoU": 1.0} and figures["per_category"]["sleeve"]["AP"] == 1.0


@pytest.mark.parametrize(
    "row",
    [
        {"segmentation": {"size": [4, 4], "counts": [3]}},
        {"segmentation": [[0, 0, 900_000, 0, 900_000, 900_000]]},
        {"segmentation": None},
        {"score": "high"},
    ],
)
def test_results_that_make_no_sense_are_told_in_one_line(tmp_path: Path, row: dict[str, Any]) -> None:
    root = published.fashionpedia(tmp_path / "set")
    truth = root / "annotations" / "instances_attributes_val2020.json"
    first = json.loads(truth.read_text())["annotations"][0]
    results = published.write_json(tmp_path / "results.json", [{"score": 0.5, **first, **row}])
    with pytest.raises(InputError, match="results.json cannot be scored"):
        asworn_eval("attributes", "--annotations", truth, "--results", results)


def test_a_truth_that_makes_no_sense_is_told_in_one_line(tmp_path: Path) -> None:
    truth = published.fashionpedia(tmp_path / "set") / "annotations" / "instances_attributes_val2020.json"
    note = json.loads(truth.read_text())
    results = published.write_json(tmp_path / "results.json", [{"score": 0.5, **note["annotations"][0]}])
    for change in ({"annotations": [{"image_id": 4}]}, {"attributes": []}, {"images": 5}):
        published.write_json(truth, {**note, **change})
        with pytest.raises(InputError, match="instances_attributes_val2020.json") as error:
            asworn_eval("attributes", "--annotations", truth, "--results", results)
        assert "\n" not in str(error.value)


def test_landmarks_of_deepfashion2(tmp_path: Path) -> None:
    root = published.deepfashion2(tmp_path / "set")
    _, finds = landmark_scene(1)
    results = published.write_json(tmp_path / "results.json", finds)
    asworn_eval("landmarks", root, "--results", results, "--json", tmp_path / "out.json")
    figures = json.loads((tmp_path / "out.json").read_text())
    assert set(figures) == {"visible", "hidden_too"} and figures["visible"]["garments"] == 12
    with pytest.raises(InputError, match="no split 'dev'"):
        asworn_eval("landmarks", root, "--results", results, "--split", "dev")


def test_pictures_and_calibration_of_the_older_commands(world: Path, tmp_path: Path) -> None:  # noqa: F811
    weights = ("--bundle", world / "bundle", "--threads", 1)
    photos, notes = ("--images", world / "photos"), ("--annotations", world / "coco.json")
    asworn_eval("detector", *photos, *notes, *weights, "--picture", tmp_path / "curve.png")
    asworn_eval(
        *("types", *photos, *weights, "--picture", tmp_path / "c.png", "--reliability", tmp_path / "r.png"),
        *("--json", tmp_path / "t.json"),
    )
    found = json.loads((tmp_path / "t.json").read_text())
    assert found["types"] == ["tops"] and found["confusion"] == [[1]] and found["calibration"]["ece"] <= 1e-6
    asked = ("--queries", world / "queries.csv", "--catalog", world / "shop")
    asworn_eval("retrieval", *asked, *weights, "--picture", tmp_path / "s.png")
    for name in ("curve", "c", "r", "s"):
        assert cv2.imread(str(tmp_path / f"{name}.png")).shape[0] > 100


def coloured(image: np.ndarray) -> int:
    return int((image.max(2).astype(int) - image.min(2) > 60).sum())


@pytest.mark.parametrize(
    "draw",
    [
        lambda: curves({"tops": ([0, 1], [1, 0.5]), "béret": ([], [])}, "title", "recall", "precision"),
        lambda: confusion_picture(np.array([[3, 1], [0, 0]]), ["tops", "a very long name of a class"]),
        lambda: reliability([{"from": 0.5, "to": 0.6, "count": 3, "accuracy": 0.4}], 0.15),
        lambda: embedding_map(np.eye(6)[:, :4], list("aabbcc"), "title"),
        lambda: sheet([(np.zeros((3, 9, 3), np.uint8), [(np.zeros((9, 3, 3), np.uint8), True)])], "title"),
    ],
)
def test_pictures_show_something(draw: Callable[[], np.ndarray]) -> None:
    image = draw()
    assert image.dtype == np.uint8 and coloured(image) > 100


def test_empty_pictures_and_places_that_cannot_be_written(tmp_path: Path) -> None:
    assert sheet([], "nothing").size and curves({}, "nothing", "x", "y").size and reliability([], 0.0).size
    with pytest.raises(InputError, match="in .png or .jpg"):
        save(tmp_path / "picture.xyz", np.zeros((4, 4, 3), np.uint8))


def test_the_map_keeps_what_is_near_near() -> None:
    rng = np.random.default_rng(0)
    centres = np.repeat(np.eye(3, 16), 20, 0)
    places = _plane(centres + rng.normal(0, 0.05, centres.shape))
    assert places.shape == (60, 2) and (np.abs(places - 0.5) <= 0.48 + 1e-9).all()
    within = max(np.ptp(places[i : i + 20], axis=0).max() for i in (0, 20, 40))
    means = [places[i : i + 20].mean(0) for i in (0, 20, 40)]
    assert within < min(np.linalg.norm(means[a] - means[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert _plane(np.ones((1, 1))).tolist() == [[0.5, 0.5]]
