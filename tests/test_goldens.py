"""The packaged bundle still says about a drawn scene what it said when it was committed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from matcher.boxes import iou
from matcher.bundle import bundled
from matcher.video.image import read_image
from tests.goldens import SCENE, VALUES, measure

pytestmark = pytest.mark.skipif(
    not (bundled() / "card.json").is_file(), reason="the packaged bundle is not in this checkout"
)


def test_the_bundle_says_what_it_said() -> None:
    expected = json.loads(VALUES.read_text(encoding="utf-8"))
    got = measure(read_image(SCENE))
    hint = "if this is meant, remake the values: python -m tests.goldens\ngot: " + json.dumps(
        [{key: value for key, value in row.items() if key != "embedding"} for row in got]
    )
    assert sorted(row["type"] for row in got) == sorted(row["type"] for row in expected), hint
    boxes = np.array([row["box"] for row in got], np.float32)
    for want in expected:
        overlap = iou(np.array([want["box"]], np.float32), boxes)[0]
        same = [i for i, row in enumerate(got) if row["type"] == want["type"] and overlap[i] > 0.95]
        assert same, f"{want['type']} at {want['box']} is gone; {hint}"
        row = got[same[0]]
        assert row["score"] == pytest.approx(want["score"], abs=0.03), hint
        assert row["mask_pixels"] == pytest.approx(want["mask_pixels"], rel=0.06), hint
        assert row["classifier"] == pytest.approx(want["classifier"], abs=0.05), hint
        assert float(np.dot(row["embedding"], want["embedding"])) > 0.995, hint


def test_the_scene_is_not_trivial() -> None:
    expected = json.loads(VALUES.read_text(encoding="utf-8"))
    assert len(expected) >= 4 and len({row["type"] for row in expected}) >= 3
