"""What the benchmarks against other projects make of their answers; the projects' packages themselves are not here."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import peer
from benchmarks.detector_parity import Found, compare
from matcher.errors import BackendError
from matcher.taxonomy import TYPES


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


def test_a_peers_program_runs_in_its_environment_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    text = "import os, sys, pathlib\npathlib.Path(sys.argv[1]).write_text(os.environ['YOLO_OFFLINE'] + os.getcwd())"
    (programs / "good.py").write_text(text)
    (programs / "bad.py").write_text("raise SystemExit('it broke')")
    monkeypatch.setattr(peer, "PROGRAMS", programs)
    (tmp_path / "env" / "bin").mkdir(parents=True)
    (tmp_path / "env" / "bin" / "python").symlink_to(sys.executable)
    peer.run_peer(tmp_path / "env", "good.py", [str(tmp_path / "said")])
    said = (tmp_path / "said").read_text()
    assert said.startswith("True") and str(Path.cwd()) not in said
    with pytest.raises(BackendError, match="bad.py failed: it broke"):
        peer.run_peer(tmp_path / "env", "bad.py", [])
    with pytest.raises(BackendError, match="no environment with the peer"):
        peer.run_peer(tmp_path / "none", "good.py", [])
