"""`asworn data check` finds what is broken, names file and reason, and never crashes on any damage."""

from __future__ import annotations

import json
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import scipy.io

from matcher.cli.commands import as_command
from matcher.errors import InputError
from training.cli_data import app
from training.datasets.check import PIXELS, look_through
from training.datasets.masks import decode, decompress, from_pairs, from_runs, runs_box, segmentation
from training.datasets.registry import SETS, open_set
from training.datasets.report import KEPT, KINDS, Broken, Report
from training.datasets.values import inside
from training.evaluation.output import silent

from . import published
from .published import HEIGHT, WIDTH


def problems(name: str, root: Path) -> list[str]:
    data, report = open_set(name, root), Report()
    look_through(data, data.splits, PIXELS, report, silent)
    return [str(problem).replace(str(root), "ROOT") for problem in report.problems]


def edit(path: Path, change: Callable[[Any], None]) -> None:
    note = json.loads(path.read_text())
    change(note)
    path.write_text(json.dumps(note))


@pytest.mark.parametrize("name", SETS)
def test_a_whole_set_has_nothing_broken(name: str, tmp_path: Path) -> None:
    expected = {"street2shop": 2, "coco": 2}  # what their writers leave broken on purpose, or no garment is
    assert len(problems(name, published.WRITERS[name](tmp_path / "set"))) == expected.get(name, 0)


DF2 = "train/annos/000001.json"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda n: n["item1"].update(bounding_box=[5, 5, 5, 40]), "has no area"),
        (lambda n: n["item1"].update(bounding_box=[5, 5, 40]), "not four numbers"),
        (lambda n: n["item1"].update(bounding_box=[500, 500, 600, 600]), "lies outside the picture of 64x96"),
        (lambda n: n["item1"].update(bounding_box=[5, 5, 40, "1e999"]), "a side of the box is '1e999'"),
        (lambda n: n["item1"].update(category_id=14), "category_id is 14, outside 1 to 13"),
        (lambda n: n["item1"].update(category_id=2), "category_name is 'short sleeve top'"),
        (lambda n: n["item1"].update(landmarks=[1, 2, 2]), "has 1 landmarks; a short sleeve top has 25"),
        (lambda n: n["item1"].update(landmarks=[9000, 2, 2] * 25), "the landmark (9000, 2) lies outside"),
        (lambda n: n["item1"].update(segmentation=[[1, 2]]), "a polygon has 2 numbers"),
        (lambda n: n["item1"].update(segmentation=[[1e5] * 8]), "the outline lies outside"),
        (lambda n: n["item1"].update(segmentation=[[1, 1, 1, 1, 1, 1]]), "the mask is empty"),
        (lambda n: n["item1"].pop("style"), "lacks 'style'"),
        (lambda n: n["item1"].update(style=True), "style is True"),
        (lambda n: n.update(item1=[]), "the item is [], not an object"),
        (lambda n: n.update(source="film"), "source is 'film'"),
        (lambda n: n.pop("pair_id"), "lacks 'pair_id'"),
    ],
)
def test_broken_labels_of_deepfashion2(tmp_path: Path, change: Callable[[Any], None], reason: str) -> None:
    published.deepfashion2(tmp_path, pairs=1)
    edit(tmp_path / DF2, change)
    (problem,) = problems("deepfashion2", tmp_path)
    assert reason in problem and "000001" in problem and "\n" not in problem


def test_broken_files_of_deepfashion2(tmp_path: Path) -> None:
    published.deepfashion2(tmp_path, pairs=2)
    annos, images = tmp_path / "train" / "annos", tmp_path / "train" / "image"
    (annos / "000001.json").write_text("{")
    (annos / "000002.json").write_text("[" * 100_000)
    (annos / "000003.json").unlink()
    (images / "000004.jpg").unlink()
    (images / "000005.jpg").write_bytes((images / "000006.jpg").read_bytes()[:900])
    (images / "000006.jpg").write_bytes(b"")
    found = problems("deepfashion2", tmp_path)
    assert len(found) == 6
    for words in (
        "000001.json: is not valid JSON",
        "000002.json: is not valid JSON: nested too deeply",
        "000003.jpg: has no annotation file",
        "000004.json: its picture image/000004.jpg is missing",
        "000005.jpg",
        "000006.jpg",
    ):
        assert any(words in line for line in found), words


def test_broken_lists_of_deepfashion(tmp_path: Path) -> None:
    published.inshop(tmp_path)
    boxes = tmp_path / "Anno" / "list_bbox_inshop.txt"
    boxes.write_text(boxes.read_text().replace("02_2_side.jpg 1 1 015", "02_2_side.jpg 1 1 060"))
    marks = tmp_path / "Anno" / "list_landmarks_inshop.txt"
    marks.write_text(marks.read_text().replace("id_00000001/01_1_front.jpg 3", "id_00000001/01_1_front.jpg 2"))
    with (tmp_path / "Eval" / "list_eval_partition.txt").open("a") as file:
        file.write(
            "img/WOMEN/Dresses/id_9/none.jpg id_9 train\nimg/x.jpg id_1\nimg/x.jpg id_1 holiday\n../x.jpg a train\n"
        )
    found = problems("deepfashion-inshop", tmp_path)
    for words in (
        "list_bbox_inshop.txt line 5: the box [60.0, 10.0, 50.0, 45.0] has no area",
        "list_bbox_inshop.txt: says that it has 3 boxes; 2 can be used",
        "list_landmarks_inshop.txt line 3: lower clothes have 4 landmarks, this row has 8",
        "list_eval_partition.txt line 6: img/WOMEN/Dresses/id_9/none.jpg has no box",
        "list_eval_partition.txt line 7: has 2 words",
        "list_eval_partition.txt line 8: the status 'holiday'",
    ):
        assert any(words in line for line in found), (words, found)


def test_broken_rows_of_imaterialist(tmp_path: Path) -> None:
    published.imaterialist(tmp_path)
    first = f"{0:032x}.jpg"
    rows = [
        f"{first},1 5,{HEIGHT},{WIDTH},6",  # of a picture that was complete
        f"a.jpg,1 5,{HEIGHT},{WIDTH},6",
        f"{1:032x}b.jpg,10 5 3 5,{HEIGHT},{WIDTH},6",
    ]
    with (tmp_path / "train.csv").open("a") as file:
        file.write("\n".join(rows) + "\n")
    found = problems("imaterialist2019", tmp_path)
    assert any(f"the rows of {first} are not together" in line for line in found)
    assert any("its picture train/a.jpg is missing" in line for line in found)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "is not pairs"),
        ("5", "is not pairs"),
        ("0 4", "outside 1"),
        ("1 x", "not a whole number"),
        ("10 5 3 5", "goes backwards"),
        ("90 20", "leaves the picture"),
        ("1 99999999999999", "leaves the picture"),
    ],
)
def test_run_lengths_of_kaggle_are_checked(cell: str, reason: str) -> None:
    with pytest.raises(Broken, match=reason):
        from_pairs(cell, 10, 10)


def test_run_lengths_agree_with_a_plain_walk() -> None:
    rng = np.random.default_rng(3)
    for _ in range(30):
        height, width = rng.integers(1, 12, 2)
        mask = (rng.random((height, width)) < rng.random()).astype(np.uint8)
        for form in (published.plain_runs(mask), published.compressed_runs(mask)):
            shape = segmentation(form)
            assert np.array_equal(decode(shape, height, width), mask)
            box = runs_box(shape)
            assert (box is None) == (not mask.any())
            if box is not None:
                ys, xs = np.nonzero(mask)
                tight = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
                # The box of runs may be higher where a run goes over the end of a column, never smaller.
                assert (box[0], box[2]) == (tight[0], tight[2])
                assert box[1] <= tight[1] and box[3] >= tight[3]


@pytest.mark.parametrize(
    "value",
    [
        {"size": [4, 4], "counts": "0000"},  # pycocotools would show what was in memory before
        {"size": [4, 4], "counts": ""},
        {"size": [4, 4], "counts": "~~~~~~~"},
        {"size": [4, 4], "counts": [100_000, 5]},
        {"size": [4, 4], "counts": [-1, 17]},
        {"size": [30_000, 30_000], "counts": "00"},
        {"size": [4], "counts": [4]},
        {"size": [-4, 4], "counts": [4]},
        "a mask",
        [[1, 2, 3, 4, 5]],
        [[1, 2, 3, 4, 5, None]],
    ],
)
def test_masks_that_do_not_fit_are_refused_before_they_are_drawn(value: Any) -> None:
    report = Report()
    assert report.attempt("file", segmentation, value) is None and report.count == 1


def test_damaged_strings_of_runs_never_decode_beyond_their_picture() -> None:
    rng = random.Random(1)
    good = published.compressed_runs((np.arange(120).reshape(10, 12) % 7 < 3).astype(np.uint8))["counts"]
    for _ in range(500):
        text = list(good)
        for _ in range(rng.randint(1, 3)):
            text[rng.randrange(len(text))] = chr(rng.randint(32, 126))
        try:
            shape = from_runs(decompress("".join(text)), 10, 12)
        except Broken:
            continue
        assert decode(shape, 10, 12).shape == (10, 12)


@pytest.mark.parametrize("name", ["../x.jpg", "/etc/x.jpg", "a/../../x", "C:/x.jpg", "a\\..\\..\\b", "", "a\0b", "\\x"])
def test_names_that_lead_out_of_their_folder_are_refused(name: str) -> None:
    with pytest.raises(Broken, match="not inside its folder"):
        inside(Path("folder"), name)


def test_files_of_matlab(tmp_path: Path) -> None:
    published.ccp(tmp_path)
    notes = tmp_path / "annotations" / "pixel-level"
    good = (notes / "0002.mat").read_bytes()
    (notes / "0003.mat").write_bytes(good[:-40])
    (notes / "0004.mat").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    scipy.io.savemat(notes / "0005.mat", {"labels": np.zeros((3, 3))})
    for number in (4, 5, 6):
        published.write_photo(tmp_path / "photos" / f"{number:04d}.jpg", number)
    scipy.io.savemat(notes / "0006.mat", {"groundtruth": np.full((HEIGHT, WIDTH), 77, np.uint8)})
    scipy.io.savemat(notes / "0007.mat", {"groundtruth": np.zeros((HEIGHT, WIDTH), np.uint8)})
    found = problems("ccp", tmp_path)
    for words in (
        "0003.mat: is damaged",
        "0004.mat: is no MATLAB 5 file",
        "0005.mat: lacks the variable groundtruth",
        "0006.mat label 77: there is no label 77",
        "0007.mat: its photo photos/0007.jpg is missing",
    ):
        assert any(words in line for line in found), (words, found)


def test_a_bomb_in_an_npz_and_a_pickle_are_not_opened(tmp_path: Path) -> None:
    for name, values in (("bomb", b"\0" * 70_000_000), ("pickle", None)):
        root = tmp_path / name
        root.mkdir()
        if values is None:
            np.savez(root / "fmnist_train.npz", x=np.array([{"a": 1}], object), y=np.zeros(1))
        else:
            with zipfile.ZipFile(root / "fmnist_train.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                archive.writestr("x.npy", values)
        report = Report()
        assert list(open_set("fashion-mnist", root).pictures("train", report)) == []
        assert report.count == 1


def test_a_picture_of_another_size_than_its_labels(tmp_path: Path) -> None:
    published.fashionpedia(tmp_path)
    cv2.imwrite(str(tmp_path / "train" / "1.jpg"), np.zeros((30, 40, 3), np.uint8))
    (problem,) = problems("fashionpedia", tmp_path)
    assert "is 40x30, but its labels are for 64x96" in problem


def test_coco_files_with_dangling_references(tmp_path: Path) -> None:
    published.fashionpedia(tmp_path)

    def change(note: dict[str, Any]) -> None:
        note["annotations"][0]["category_id"] = 99
        note["annotations"][1]["image_id"] = 99
        note["annotations"][2]["attribute_ids"] = [999]
        note["annotations"][3]["bbox"] = None
        note["images"].append({"id": 77, "file_name": "../../secret.jpg"})
        note["images"].append({"id": 1, "file_name": "1.jpg"})
        note["annotations"].append("row")

    edit(tmp_path / "annotations" / "instances_attributes_train2020.json", change)
    found = "\n".join(problems("fashionpedia", tmp_path))
    for words in (
        "there is no category with the id 99",
        "there is no image with the id 99",
        "there is no attribute with the id 999",
        "the box is None",
        "not inside its folder",
        "occurs twice",
        "the annotation is 'row'",
    ):
        assert words in found, words


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Bytes with something wrong: cut off, doubled, flipped, emptied, or with other values."""
    kind = rng.randrange(5)
    if kind == 0:
        return data[: rng.randrange(len(data) + 1)]
    if kind == 1:
        at = rng.randrange(len(data) + 1)
        return data[:at] + bytes(rng.randrange(256) for _ in range(rng.randrange(9))) + data[at:]
    if kind == 2:
        return bytes(b ^ (1 << rng.randrange(8)) if rng.random() < 0.01 else b for b in data)
    if kind == 3:
        digits = [i for i, b in enumerate(data) if 48 <= b < 58]
        spots = set(rng.sample(digits, min(len(digits), 3)))
        return b"".join(
            rng.choice((b"-", b"9e9", b"null", b"[]")) if i in spots else bytes([b]) for i, b in enumerate(data)
        )
    return b""


@pytest.mark.parametrize("name", SETS)
def test_no_damage_of_any_file_raises(name: str, tmp_path: Path) -> None:
    whole = published.WRITERS[name](tmp_path / "whole")
    files = sorted(p.relative_to(whole) for p in whole.rglob("*") if p.is_file() and p.suffix not in (".mp4",))
    rng = random.Random(name)
    for round_ in range(3 if name == "movingfashion" else 10):  # videos are slow to decode
        root = tmp_path / f"round{round_}"
        shutil.copytree(whole, root)
        for file in rng.sample(files, min(len(files), 3)):
            (root / file).write_bytes(damaged((root / file).read_bytes(), rng))
        assert all("\n" not in line for line in problems(name, root))
        shutil.rmtree(root)


ODD = (None, [], {}, "x", "", -1, 0, 10**400, 1e308, float("nan"), True, [[]], [None] * 8, {"size": [1]}, "1" * 50)


def mutated(value: Any, rng: random.Random, share: float) -> Any:
    """The same JSON value with odd ones here and there, keys left out and lists cut."""
    if rng.random() < share:
        return rng.choice(ODD)
    if isinstance(value, dict):
        return {k: mutated(v, rng, share) for k, v in value.items() if rng.random() > share / 2}
    if isinstance(value, list):
        kept = value[: rng.randrange(len(value) + 1)] if rng.random() < share else value
        return [mutated(v, rng, share) for v in kept]
    return value


@pytest.mark.parametrize(
    "name", ["deepfashion2", "street2shop", "fashionpedia", "imaterialist2019", "movingfashion", "coco"]
)
def test_no_odd_value_in_a_label_raises(name: str, tmp_path: Path) -> None:
    root = published.WRITERS[name](tmp_path / "set")
    whole = {path: json.loads(path.read_text()) for path in sorted(root.rglob("*.json"))}
    rng = random.Random(name)
    found = 0
    for _ in range(3 if name == "movingfashion" else 15):
        for path, value in whole.items():
            path.write_text(json.dumps(mutated(value, rng, 0.1 if name == "movingfashion" else 0.03)))
        lines = problems(name, root)
        assert all("\n" not in line for line in lines)
        found += len(lines)
    assert found


def test_the_command_prints_types_and_problems_and_writes_json(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    root, out = published.deepfashion2(tmp_path / "set", pairs=2), tmp_path / "out.json"
    edit(root / DF2, lambda n: n["item1"].update(bounding_box=[5, 5, 5, 40]))
    command = as_command(app, "data")
    command.main(["check", "deepfashion2", str(root), "--json", str(out)], standalone_mode=False)
    printed = capsys.readouterr().out
    assert "train/annos/000001.json item1: the box [5.0, 5.0, 5.0, 40.0] has no area" in printed
    assert "1 broken" in printed and "tops" in printed
    result = json.loads(out.read_text())
    assert result["splits"]["train"]["types"] == {"pants": 6, "tops": 5}
    assert result["splits"]["train"]["products"] == 2 and result["splits"]["train"]["roles"] == {"shop": 2, "street": 4}
    assert result["broken"] == 1 and result["problems"][0]["file"].endswith("000001.json item1")
    command.main(["stats", "deepfashion2", str(root), "--split", "validation"], standalone_mode=False)
    assert "nothing is broken" not in capsys.readouterr().out
    with pytest.raises(InputError, match="there are train, validation, test"):
        command.main(["stats", "deepfashion2", str(root), "--split", "dev"], standalone_mode=False)


def test_a_report_is_bounded() -> None:
    report = Report()
    for _ in range(KEPT + 5):
        report.add("file", "reason")
    report.add("a\nb", "x" * 1000)
    assert len(report.problems) == KEPT and report.count == KEPT + 6


def test_reasons_are_counted_without_their_numbers() -> None:
    report = Report()
    for i in range(5000):
        report.add("file", f"the box {[i, 2.5, -i, 3]} of photo {i} has no area")
    assert list(report.reasons.values()) == [5000]
    for i in range(5000):
        report.add("file", "".join(chr(97 + int(digit)) for digit in str(i)))
    assert len(report.reasons) <= KINDS + 1 and report.count == 10_000
