"""`asworn bench index` on drawn photos: every part is timed, and what is timed is a whole build."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.indexing import indexing
from tests.test_indexer_build import BOX, SIZE, write_picture
from tests.toy_bundle import make_bundle, paint


def test_indexer_and_peer_are_timed(tmp_path: Path) -> None:
    pytest.importorskip("open_clip", reason="pip install 'asworn[clip]'")
    bundle = make_bundle(tmp_path / "toy")
    for folder, name in (("pants", "pants"), ("hat", "hats")):
        write_picture(tmp_path / "clothing" / "validation" / folder / "a.png", paint(SIZE, {name: BOX}))
    result = indexing(tmp_path, tmp_path, str(bundle.folder), photos=3, rounds=1, threads=1)
    assert set(result["photos_per_s"]) == {"indexer", "peer"} and min(result["photos_per_s"].values()) > 0
    rates = result["photos_per_s"]
    assert result["ratio"]["clock"] == pytest.approx(rates["indexer"] / rates["peer"], rel=0.05, abs=0.02)
    assert len(result["stages_ms"]) == 4 and all(stage["p50"] > 0 for stage in result["stages_ms"].values())
    assert not list(tmp_path.glob("*.catalog"))
