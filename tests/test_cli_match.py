"""`asworn match`, `image` and `doctor` as a user runs them, on a toy shop and a toy clip."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from matcher.bundle import Bundle
from matcher.cli.checks import check_clashes
from matcher.cli.main import main
from matcher.cli.output import EXPORTED, FILES, RunFolder
from matcher.errors import InputError
from matcher.sinks.video import VideoWriter
from matcher.video.open import open_video
from tests import clips
from tests.terminal import ctrl_c, running
from tests.test_pipeline import walk
from tests.toy_bundle import make_bundle, paint
from tests.toy_shop import write_shop

COUNT = 12


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with bundle `toy`, catalogue `toy.catalog`, clip `walk.mp4` and picture `look.png`."""
    folder = tmp_path_factory.mktemp("shop")
    write_shop(folder / "toy.catalog", make_bundle(folder / "toy"))
    frames = list(islice(walk(), COUNT))
    with VideoWriter(folder / "walk.mp4", frames[0].size, 1 / frames[0].time_base, frames[0].time_base) as writer:
        for frame in frames:
            writer.write(frame.image, frame.pts)
    cv2.imwrite(str(folder / "look.png"), frames[0].image)
    return folder


def match(shop: Path, out: Path, *more: str) -> int:
    args = ["match", str(shop / "walk.mp4"), "--catalog", str(shop / "toy.catalog"), "--bundle", str(shop / "toy")]
    return main([*args, "--out", str(out), *more])


def test_match_writes_every_output(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "results"
    assert match(shop, out, "--overlay", "--export", "all") == 0
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    lines = [json.loads(line) for line in (out / "frames.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(lines) == COUNT and [line["time"] for line in lines] == pytest.approx([i / 25 for i in range(COUNT)])
    first = lines[3]["garments"][0]
    assert set(first) >= {"box", "score", "type", "type_score", "track", "products"}
    assert first["products"][0]["id"] == f"p-{first['type']}"
    rows = list(csv.DictReader((out / "sightings.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["product_id"]: row["tier"] for row in rows}.items() >= {"p-tops": "exact", "p-bags": "exact"}.items()
    assert "A tops" in (out / "report.html").read_text(encoding="utf-8")
    with open_video(out / "overlay.mp4") as video:
        assert sum(1 for _ in video) == COUNT
    assert "products seen" in capsys.readouterr().out


def test_the_run_is_described(shop: Path, tmp_path: Path) -> None:
    match(shop, tmp_path / "r")
    record = json.loads((tmp_path / "r" / "run.json").read_text())
    bundle = Bundle.open(shop / "toy")
    assert record["bundle"] == {"name": "toy 1", "hash": bundle.hash} and record["catalogue"]["generation"] == 1
    assert record["frames"] == COUNT and record["fps"] > 0
    assert set(record["stages_ms"]["detect"]) == {"p50", "p95", "p99"}
    assert record["truncated"] is False


def test_a_video_that_was_cut_off_is_told(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["match", str(clips.cut_off(tmp_path)), "--bundle", str(shop / "toy"), "--out", str(tmp_path / "r")]
    assert main(args) == 0
    record = json.loads((tmp_path / "r" / "run.json").read_text())
    assert (record["frames"], record["truncated"], record["corrupt"]) == (15, True, 1)
    assert "ends earlier" in capsys.readouterr().err


def test_match_without_a_catalogue_finds_types_only(shop: Path, tmp_path: Path) -> None:
    args = ["match", str(shop / "walk.mp4"), "--bundle", str(shop / "toy"), "--out", str(tmp_path / "r")]
    assert main([*args, "--no-masks", "--threads", "1"]) == 0
    garments = json.loads((tmp_path / "r" / "frames.jsonl").read_text().splitlines()[2])["garments"]
    assert len(garments) == 3 and all(g["products"] == [] for g in garments)


def test_a_part_of_a_video(shop: Path, tmp_path: Path) -> None:
    assert match(shop, tmp_path / "r", "--start", "0.2", "--end", "0:00.4") == 0
    assert len((tmp_path / "r" / "frames.jsonl").read_text().splitlines()) == 5


def test_an_earlier_run_is_replaced_as_a_whole(shop: Path, tmp_path: Path) -> None:
    assert match(shop, tmp_path, "--overlay") == 0 and match(shop, tmp_path) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(set(FILES) - {"overlay.mp4", *EXPORTED})


def test_a_failed_run_leaves_an_earlier_one_untouched(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("old")
    with pytest.raises(ZeroDivisionError), RunFolder(tmp_path) as staging:
        (staging / "run.json").write_text("new")
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"] and (tmp_path / "run.json").read_text() == "old"


def test_a_failed_run_leaves_no_new_folder(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), RunFolder(tmp_path / "new") as staging:
        (staging / "frames.jsonl").write_text("half")
        raise ZeroDivisionError
    assert not (tmp_path / "new").exists()


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    left = tmp_path / f".unfinished-{dead.stdout.strip()}"
    left.mkdir()
    (left / "frames.jsonl").write_text("half")
    with RunFolder(tmp_path) as staging:
        (staging / "run.json").write_text("{}")
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_folders_with_other_things_are_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("precious")
    with pytest.raises(InputError, match="holds other files"):
        RunFolder(tmp_path)
    with pytest.raises(InputError, match="is a file"):
        RunFolder(tmp_path / "thesis.doc")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"video": "nowhere.mp4"}, "nowhere.mp4"),
        ({"video": "look.png.txt"}, "look.png.txt"),
        ({"--catalog": "nothing"}, "nothing"),
        ({"--bundle": "nothing"}, "no bundle at"),
        ({"--config": "nothing.toml"}, "nothing.toml"),
        ({"--start": "soon"}, "not a time"),
        ({"--start": "5", "--end": "3"}, "--end must be later"),
    ],
)
def test_mistakes_are_told_in_plain_words(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, str], says: str
) -> None:
    (tmp_path / "look.png.txt").write_text("no video")
    video = str(tmp_path / change.pop("video")) if "video" in change else str(shop / "walk.mp4")
    options = {"--catalog": str(shop / "toy.catalog"), "--bundle": str(shop / "toy"), "--out": str(tmp_path / "r")}
    args = [part for pair in {**options, **change}.items() for part in pair]
    assert main(["match", video, *args]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) <= 2 and says in lines[0] and not (tmp_path / "r").exists()


def test_ctrl_c_leaves_nothing_half_written(shop: Path, tmp_path: Path) -> None:
    frames = [paint((640, 360), {"tops": (100, 50, 200, 150)})] * 400
    with VideoWriter(tmp_path / "long.mp4", (640, 360), Fraction(25), Fraction(1, 25)) as writer:
        for i, image in enumerate(frames):
            writer.write(image, i)
    args = ["match", str(tmp_path / "long.mp4"), "--bundle", str(shop / "toy"), "--out", str(tmp_path / "r")]
    with running(*args) as run:
        _, errors = ctrl_c(run, once=lambda: list(tmp_path.glob("r/.unfinished-*/.*frames*")))
    assert run.returncode == 130 and "stopped; nothing half-written" in errors and "Traceback" not in errors
    assert not (tmp_path / "r").exists()


def test_image_prints_json(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["image", str(shop / "look.png"), "--bundle", str(shop / "toy"), "--catalog", str(shop / "toy.catalog")]
    assert main([*args, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    found = {g["type"]: (g["products"][0]["id"], g["tier"]) for g in record["garments"]}
    assert record["size"] == [640, 360]
    assert found == {name: (f"p-{name}", "exact") for name in ("tops", "pants", "bags")}


def test_image_writes_an_overlay_and_crops(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["image", str(shop / "look.png"), "--bundle", str(shop / "toy")]
    assert main([*args, "--overlay", str(tmp_path / "o.jpg"), "--crops", str(tmp_path / "c")]) == 0
    assert "3 garments" in capsys.readouterr().out
    assert cv2.imread(str(tmp_path / "o.jpg")).shape == (360, 640, 3)
    names = {path.name.partition("-")[2] or path.name for path in (tmp_path / "c").iterdir()}
    types = ("bags", "pants", "tops")
    assert names == {"labels.csv", *(f"{t}.png" for t in types), *(f"{t}-cutout.png" for t in types)}
    top = cv2.imread(str(next((tmp_path / "c").glob("*tops.png"))))
    assert np.abs(top.astype(int) - (0, 0, 255)).mean() < 20


@pytest.mark.parametrize(
    ("args", "says"), [(["nowhere.jpg"], "no such file"), (["{look}", "--overlay", "o.xyz"], "end the name in .jpg")]
)
def test_image_mistakes(shop: Path, capsys: pytest.CaptureFixture[str], args: list[str], says: str) -> None:
    args = [arg.replace("{look}", str(shop / "look.png")) for arg in args]
    assert main(["image", *args, "--bundle", str(shop / "toy")]) == 2
    assert says in capsys.readouterr().err


def test_doctor_finds_all_well(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json", "--bundle", str(shop / "toy")]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["problems"] == [] and "cpu" in report["backends"]["onnxruntime"]["devices"]
    assert report["bundle"]["name"] == "toy 1" and report["frame_ms"]["all"] > 0


def test_doctor_finds_damage(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file in (shop / "toy").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "embedder.onnx").write_bytes(b"damaged")
    assert main(["doctor", "--bundle", str(tmp_path)]) == 1
    assert "damaged" in "".join(capsys.readouterr().out.split("\n"))


def test_doctor_knows_packages_that_clash() -> None:
    installed = {"onnxruntime", "onnxruntime-gpu", "faiss-cpu", "opencv-python-headless", "opencv-python"}
    clashes = check_clashes(installed.__contains__)
    assert len(clashes) == 2 and "onnxruntime and onnxruntime-gpu" in clashes[0] and "opencv-python" in clashes[1]
    assert check_clashes({"onnxruntime", "faiss-gpu"}.__contains__) == []


def test_a_target_leaves_boxes_on_every_frame_and_is_recorded(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "third.toml").write_text("[engine]\ndetect_every = 3\n")
    assert match(shop, tmp_path / "r", "--config", str(tmp_path / "third.toml")) == 0
    lines = [json.loads(line) for line in (tmp_path / "r" / "frames.jsonl").read_text().splitlines()]
    assert [line["detected"] for line in lines] == [i % 3 == 0 for i in range(COUNT)]
    assert all(len(line["garments"]) >= 3 for line in lines)
    detection = json.loads((tmp_path / "r" / "run.json").read_text())["detection"]
    assert (detection["detected"], detection["carried"], detection["mean_stride"]) == (4, 8, 3)
    assert match(shop, tmp_path / "r", "--fps-target", "5") == 0
    assert json.loads((tmp_path / "r" / "run.json").read_text())["detection"]["frame_ms"] == 200


def test_two_targets_are_refused(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert match(shop, tmp_path / "r", "--fps-target", "30", "--budget-ms", "33") == 2
    assert "not both" in capsys.readouterr().err and not (tmp_path / "r").exists()
