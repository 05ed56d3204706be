"""Settings: one place for defaults, unknown keys and bad values refused in words a user understands."""

from __future__ import annotations

from pathlib import Path

import pytest

from matcher.config import PipelineConfig, load_pipeline_config, load_toml
from matcher.errors import ConfigError


def load(tmp_path: Path, text: str) -> PipelineConfig:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return load_pipeline_config(path)


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, "") == PipelineConfig()


def test_the_packaged_file_says_what_the_defaults_are() -> None:
    for name in ("file.toml", "configs/file.toml"):
        # A file is not awaited frame by frame as a stream is: this is the one thing in which it differs.
        assert load_pipeline_config(name) == PipelineConfig(frames_at_once=0)


def test_values_are_taken(tmp_path: Path) -> None:
    settings = load(tmp_path, 'device = "cuda"\n[track]\nlost_s = 2\nhigh_score = 0.4\n[lookup]\nk = 3\n')
    assert (settings.device, settings.track.lost_s, settings.track.high_score, settings.lookup.k) == ("cuda", 2, 0.4, 3)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("speed = 3", "speed"),  # unknown key
        ("[track]\nlost = 1", "lost"),  # unknown key in a table
        ("[tracks]\n", "tracks"),  # unknown table
        ('threads = "two"', "threads"),  # another kind
        ("threads = -1", "threads"),  # out of range
        ("detect = 3", "detect"),  # not a table
        ("[track]\nmatch_iou = 3.0", "match_iou"),  # out of range
        ("[lookup]\nk = 0", "k must be 1 or more"),
        ("[settle]\nexact_threshold = 90.0", "exact_threshold"),
        ('[detect]\nmask_rows = "some"', "mask_rows"),
        ("[detect\n", "mine.toml"),  # not TOML
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, names: str) -> None:
    with pytest.raises(ConfigError, match=names):
        load(tmp_path, text)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match="nowhere.toml"):
        load_toml("nowhere.toml")
