"""The benchmarks' own logic, on the toy bundle. No test depends on how long something took."""

from __future__ import annotations

import csv
import json
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import parser

from benchmarks import datasets, peer
from benchmarks.detector_speed import SIZES, detector_speed
from benchmarks.environment import save
from benchmarks.latency import latency
from benchmarks.showcase import Showcase
from benchmarks.timing import alternate, quantiles
from benchmarks.wardrobe_video import mean_of, without
from matcher.errors import BackendError, InputError
from matcher.pipeline import Pipeline
from matcher.video.writer import VideoWriter
from tests.toy_bundle import make_bundle, paint
from training.evaluation.video_truth import Interval

_PEER = """
<ir_version: 8, opset_import: ["" : 17]>
peer (float[1,3,H,W] images) => (float[1,3,H,W] output0) { output0 = Identity(images) }
"""


def test_tasks_are_timed_in_turn() -> None:
    calls: list[tuple[str, int]] = []
    tasks = {name: (lambda i, name=name: calls.append((name, i))) for name in ("a", "b")}
    times = alternate(tasks, rounds=2, warm_up=1)
    assert calls == [("a", 0), ("b", 0), ("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    assert [len(values) for values in times.values()] == [2, 2]


def test_quantiles() -> None:
    assert quantiles(list(range(101))) == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert quantiles([]) == {"p50": 0.0, "p95": 0.0, "p99": 0.0}


def test_results_say_what_they_were_made_on(tmp_path: Path) -> None:
    saved = json.loads(save("x", {"ms": 1.5}, tmp_path).read_text())
    assert saved["benchmark"] == "x" and saved["ms"] == 1.5
    assert saved["environment"]["cores"] >= 1 and saved["environment"]["packages"]["numpy"]


def test_validation_photos_end_in_one(tmp_path: Path) -> None:
    (tmp_path / "ccp").mkdir()
    images = [{"id": i, "file_name": f"{i}.jpg"} for i in (1, 2, 11, 20)]
    annotations = [{"id": i, "image_id": image["id"]} for i, image in enumerate(images)]
    table = {"images": images, "annotations": annotations, "categories": []}
    (tmp_path / "ccp" / "instances.json").write_text(json.dumps(table))
    part = json.loads(datasets.street_validation(tmp_path, tmp_path / "out" / "val.json").read_text())
    assert [image["id"] for image in part["images"]] == [1, 11]
    assert [a["image_id"] for a in part["annotations"]] == [1, 11]


def test_missing_data_says_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASWORN_DATA", str(tmp_path / "none"))
    with pytest.raises(InputError, match="ASWORN_DATA"):
        datasets.data_folder()
    monkeypatch.setenv("ASWORN_DATA", str(tmp_path))
    assert datasets.data_folder() == tmp_path


@pytest.fixture
def peer_env(tmp_path: Path) -> Path:
    """An environment in which the peer's files were made before."""
    folder = tmp_path / "peer"
    folder.mkdir()
    for height, width in SIZES.values():
        onnx.save(parser.parse_model(_PEER), folder / f"yolo11n-seg-{height}x{width}.onnx")
    return folder


def test_a_detection_is_timed_against_the_peer(tmp_path: Path, peer_env: Path) -> None:
    frame = paint((320, 192), {"tops": (40, 40, 120, 150), "bags": (200, 50, 260, 120)})
    result = detector_speed(make_bundle(tmp_path / "bundle"), [frame], peer_env, rounds=2, threads=1)
    assert set(result["ms"]) == {"ours", "YOLO11n-seg 640x640", "YOLO11n-seg 384x640"}
    assert set(result["ratio"]) == set(result["ms"]) - {"ours"}
    assert result["garments"] == 2 and result["frame"] == "320x192"


def fake_python(environment: Path, body: str) -> None:
    """An environment whose python is a small program."""
    program = environment / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
    program.chmod(0o755)


def test_the_peer_is_exported_once_by_its_own_python(tmp_path: Path) -> None:
    fake_python(tmp_path / "env", "open('model.onnx', 'w').write(' '.join(sys.argv[3:]))")
    path = peer.peer_model(tmp_path / "env", (384, 640))
    assert path.read_text() == "384 640"
    path.write_text("kept")
    assert peer.peer_model(tmp_path / "env", (384, 640)).read_text() == "kept"


@pytest.mark.parametrize(
    ("body", "says"),
    [("sys.exit('no such model')", "export failed: no such model"), ("pass", "wrote no ONNX file")],
)
def test_a_failed_export_is_told(tmp_path: Path, body: str, says: str) -> None:
    fake_python(tmp_path / "env", body)
    with pytest.raises(BackendError, match=says):
        peer.peer_model(tmp_path / "env", (640, 640))


def test_without_an_environment_the_way_to_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="pip install ultralytics"):
        peer.peer_model(tmp_path / "none", (640, 640))


def test_latency_has_every_stage_and_frame(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "clip.mp4", (320, 192), Fraction(10), Fraction(1, 10)) as writer:
        for i in range(8):
            writer.write(paint((320, 192), {"tops": (20 + 4 * i, 40, 100 + 4 * i, 150)}), i)
    result = latency(tmp_path / "clip.mp4", Pipeline(bundle=make_bundle(tmp_path / "bundle")))
    assert (result["frames"], result["size"], result["garments"]) == (8, "320x192", 1.0)
    assert result["fps"] > 0 and result["at_once"] >= 1
    assert {"decode", "detect", "track", "match", "frame"} <= set(result["ms"])
    assert all(np.isfinite(value) and value >= 0 for part in result["ms"].values() for value in part.values())


def test_a_feed_without_the_worn_products(tmp_path: Path) -> None:
    feed = tmp_path / "products.csv"
    feed.write_text('id,image,title\na,a.jpg,"one, two"\nb,b.jpg,two\n', encoding="utf-8")
    poor = without(
        Showcase([], feed, tmp_path / "c.mp4", tmp_path / "t.csv", tmp_path / "s.csv"), [Interval(0, 1, "b")]
    )
    with poor.open(newline="", encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == [{"id": "a", "image": "a.jpg", "title": "one, two"}]


def test_runs_are_averaged_over_what_they_know() -> None:
    runs = [
        {"seed": seed, "gallery": 20, "whole": {"recall": recall, "first_right_s": first}, "removed": {"tracks": 4}}
        for seed, recall, first in ((1, 0.5, None), (2, 1.0, 3.0))
    ]
    mean = mean_of(runs)
    assert mean["whole"] == {"recall": 0.75, "first_right_s": 3.0} and mean["removed"] == {"tracks": 4}
