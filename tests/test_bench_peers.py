"""What the benchmarks against other projects make of their answers; the projects' packages themselves are not here."""

from __future__ import annotations

import shutil
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmarks import peer, pipelines
from benchmarks.detector_parity import Found, compare
from matcher.catalog.catalog import Catalog
from matcher.catalog.writer import CatalogWriter
from matcher.config import PipelineConfig
from matcher.errors import BackendError, InputError
from matcher.pipeline import Pipeline
from matcher.taxonomy import TYPES
from matcher.types import Frame, Product
from matcher.video.writer import VideoWriter
from tests.toy_bundle import make_bundle, paint


def found(xyxy: list[list[float]], classes: list[int], value: float = 1.0) -> Found:
    scores = np.zeros((len(xyxy), len(TYPES)), np.float32)
    scores[np.arange(len(xyxy)), classes] = 0.8
    return Found(np.array(xyxy, np.float32).reshape(-1, 4), scores, np.full((len(xyxy), 28, 28), value, np.float32))


def theirs(xyxy: list[list[float]], classes: list[int], score: float = 0.8) -> dict[str, np.ndarray]:
    masks = np.zeros((len(xyxy), 60, 100), bool)
    for mask, (x0, y0, x1, y1) in zip(masks, np.array(xyxy).astype(int), strict=True):
        mask[y0:y1, x0:x1] = True
    whole = {"boxes0": np.array(xyxy, np.float32), "scores0": np.full(len(xyxy), score, np.float32)}
    return {**whole, "classes0": np.array(classes), "masks0": np.packbits(masks, axis=-1)}


PICTURES = [np.zeros((60, 100, 3), np.uint8)]
BOXES = [[10.0, 10, 40, 50], [50.0, 5, 90, 45]]


def test_the_same_finds_differ_by_nothing() -> None:
    result = compare([found(BOXES, [1, 2])], theirs(BOXES, [1, 2]), PICTURES)
    assert result["theirs"] == result["ours"] == result["matched"] == 2
    assert result["box_px"]["max"] == 0 and result["score"]["max"] == 0
    assert result["cells_equal"] == 1 and result["mask_iou"] == 1


def test_differences_are_told() -> None:
    moved = [[12.0, 10, 40, 50], BOXES[1]]
    result = compare([found(moved, [1, 2], 0.0)], theirs(BOXES, [1, 2], 0.7), PICTURES)
    assert result["box_px"] == {"median": 1.0, "max": 2.0}
    assert result["score"]["max"] == pytest.approx(0.1, abs=1e-4)
    assert result["cells_equal"] == 0 and result["mask_iou"] == 0


def test_another_class_is_no_match_and_boxes_that_coincide_are_told_apart() -> None:
    assert compare([found(BOXES[:1], [1])], theirs(BOXES[:1], [2]), PICTURES)["matched"] == 0
    twice = compare([found([BOXES[0]] * 2, [1, 2])], theirs([BOXES[0]] * 2, [2, 1]), PICTURES)
    assert twice["matched"] == 2 and twice["score"]["max"] == 0


def test_nothing_on_either_side() -> None:
    empty = np.zeros((0, 4)).tolist()
    result = compare([found(empty, [])], {**theirs(BOXES, [1, 2])}, PICTURES)
    assert result["matched"] == 0 and result["box_px"] is None and result["mask_iou"] is None


def this_python(folder: Path) -> Path:
    """An environment whose Python is the one that runs here, packages included."""
    (folder / "bin").mkdir(parents=True)
    # A link would be taken for the Python that this one was made from, which has none of its packages.
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return folder


def test_a_peers_program_runs_in_its_environment_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    text = "import os, sys, pathlib\npathlib.Path(sys.argv[1]).write_text(os.environ['YOLO_OFFLINE'] + os.getcwd())"
    (programs / "good.py").write_text(text)
    (programs / "bad.py").write_text("raise SystemExit('it broke')")
    monkeypatch.setattr(peer, "PROGRAMS", programs)
    this_python(tmp_path / "env")
    peer.run_peer(tmp_path / "env", "good.py", [str(tmp_path / "said")])
    said = (tmp_path / "said").read_text()
    assert said.startswith("True") and str(Path.cwd()) not in said
    with pytest.raises(BackendError, match="bad.py failed: it broke"):
        peer.run_peer(tmp_path / "env", "bad.py", [])
    with pytest.raises(BackendError, match="no environment with the peer"):
        peer.run_peer(tmp_path / "none", "good.py", [])


PROGRAM = """
import sys, timed
frames = timed.load(sys.argv[1])
print("it says what it does", file=sys.stderr)
if len(frames) < 4:
    sys.exit("too few frames")
embed = lambda i, shape: len(timed.boxes(frames[i]))
parts = {"detect": lambda i, _: frames[i].shape, "embed": embed, "search": max_of}
"""


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment and programs that only count, under the real ones' names."""
    programs = tmp_path / "programs"
    programs.mkdir()
    shutil.copy(peer.PROGRAMS / "timed.py", programs)
    for name in ("yolo_clip", "older"):
        text = PROGRAM.replace("max_of", "lambda i, n: n") + f"timed.serve('{name}', parts)"
        (programs / f"{name}.py").write_text(text)
    monkeypatch.setattr(peer, "PROGRAMS", programs)
    monkeypatch.setattr(pipelines, "hold_to", lambda threads: None)
    folder = this_python(tmp_path / "env")
    (folder / "yolo11n-seg-640x640.onnx").write_bytes(b"made before")
    return folder


def frames(count: int) -> list[Frame]:
    return [Frame(paint((128, 96), {"tops": (20, 20, 70, 60)}), pts, index=pts) for pts in range(count)]


def toy_pipeline(folder: Path) -> Pipeline:
    bundle = make_bundle(folder / "toy")
    dimension = bundle.model("embedder")["dimension"]
    with CatalogWriter(folder / "shop", dimension, bundle.embedder_hash, bundle.name) as writer:
        writer.add(Product("a", type="tops"), np.eye(1, dimension, dtype=np.float32))
        writer.commit()
    return Pipeline(PipelineConfig(), Catalog.load(folder / "shop"), bundle)


def test_pipelines_take_turns_on_the_same_frames(tmp_path: Path, environment: Path) -> None:
    result = pipelines.pipelines(toy_pipeline(tmp_path), frames(9), environment, threads=1, every=3)
    assert set(result["ms"]) == {"ours", "yolo_clip", "older"} and set(result["ratio"]) == {"yolo_clip", "older"}
    assert set(result["ms"]["older"]) == {"detect", "embed", "search", "frame", "cpu"}
    assert {"frame", "cpu", "detect", "embed"} <= set(result["ms"]["ours"])
    assert result["frames"] == 6 and result["products"] == 1 and result["garments"] > 0
    assert result["fps"]["ours"] > 0 and set(result["ratio_cpu"]) == set(result["ratio"])


def test_a_peer_that_ends_says_why(tmp_path: Path, environment: Path) -> None:
    with pytest.raises(BackendError, match="yolo_clip.py failed: too few frames"):
        pipelines.pipelines(toy_pipeline(tmp_path), frames(3), environment, threads=1)


def test_frames_of_a_clip_from_a_time_on(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "clip.mp4", (128, 96), Fraction(10), Fraction(1, 10)) as writer:
        for frame in frames(12):
            writer.write(frame.image, frame.pts)
    assert [round(one.time, 1) for one in pipelines.clip_frames(tmp_path / "clip.mp4", 3, 0.5)] == [0.5, 0.6, 0.7]
    with pytest.raises(InputError, match="only 7 frames from 0.5 s on"):
        pipelines.clip_frames(tmp_path / "clip.mp4", 30, 0.5)
