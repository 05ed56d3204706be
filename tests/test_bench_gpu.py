"""The measurement for a GPU, rehearsed: every part runs and its figures hang together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the full detector needs torch")

from benchmarks.cli_gpu import gpu_command  # noqa: E402
from benchmarks.gpu_rows import REHEARSAL, gpu_rows  # noqa: E402
from matcher.errors import BackendError, InputError  # noqa: E402


def test_the_rehearsal_measures_all_rows(tmp_path: Path) -> None:
    told: list[str] = []
    run = replace(REHEARSAL, seconds=1.0)
    result = gpu_rows(run, tmp_path, told.append)
    whole = result["frames"]["ms"]
    assert {"decode", "detect", "embed", "look up", "frame"} <= set(whole), "search and decoding are part of it"
    assert whole["frame"]["p50"] <= whole["frame"]["p99"] and whole["detect"]["p50"] <= whole["frame"]["p99"]
    assert 0 < result["frames"]["garments"] <= run.garments
    assert result["ratio_detector"] > 0 and result["ratio_whole"] > 0 and result["device"] == "cpu"
    assert [one["streams"] for one in result["streams"]] == list(run.streams)
    for one in result["streams"]:
        assert 0 <= one["detected_share"] <= 1 and 0 <= one["dropped_share"] <= 1
    assert len(told) == 3 + len(run.streams)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_nothing_is_measured(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="finds no GPU"):
        gpu_command(work=tmp_path)
    assert not list(tmp_path.iterdir()), "it is said before anything is made"


@pytest.mark.parametrize("text", ["", "x", "0", "1,,2"])
def test_numbers_of_streams_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="such as 1,4,16"):
        gpu_command(streams=text)
