"""`asworn live` as a streamer runs it: a source that is not there yet, published on, ended by a signal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av

from tests.live.servers import make_clip
from tests.live.test_network import film  # noqa: F401 - a fixture
from tests.test_cli_match import shop  # noqa: F401 - a fixture


def run(*args: str) -> subprocess.Popen[str]:
    """The command in a process of its own, as systemd would start it."""
    command = [sys.executable, "-m", "matcher", "live", *args]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)


def test_streams_of_a_file_are_published_and_end_cleanly(shop: Path, film: Path, tmp_path: Path) -> None:  # noqa: F811
    make_clip(tmp_path / "other.mp4", seconds=2, sound=False)
    (tmp_path / "streams.toml").write_text(
        f"""
        [[stream]]
        name = "walk"
        source = "{film}"
        catalog = "{shop / "toy.catalog"}"
        publish = "{tmp_path / "out.mkv"}"
        loop = true

        [[stream]]
        name = "waiting"
        source = "rtmp://127.0.0.1:9/live/none"
        """
    )
    started = run(
        "--streams", str(tmp_path / "streams.toml"), "--bundle", str(shop / "toy"), "--out", str(tmp_path / "r")
    )
    end = time.monotonic() + 90
    while not (tmp_path / "out.mkv").exists() or (tmp_path / "out.mkv").stat().st_size < 60_000:
        assert started.poll() is None and time.monotonic() < end, started.communicate()
        time.sleep(0.1)
    started.send_signal(signal.SIGTERM)
    said, errors = started.communicate(timeout=60)
    assert started.returncode == 0 and "Traceback" not in errors, errors
    assert "walk: " in said and "waiting: 0 frames" in said
    walk = json.loads((tmp_path / "r" / "1-walk" / "run.json").read_text())
    assert walk["frames"] > 20 and walk["catalogue"]["generation"] == 1
    assert json.loads((tmp_path / "r" / "2-waiting" / "run.json").read_text())["frames"] == 0
    first = json.loads((tmp_path / "r" / "1-walk" / "frames.jsonl").read_text().splitlines()[20])
    assert any(garment["products"] for garment in first["garments"])
    with av.open(str(tmp_path / "out.mkv")) as video:
        assert [stream.type for stream in video.streams] == ["video", "audio"]
        assert sum(1 for _ in video.decode(video=0)) > 20


def test_a_target_that_cannot_be_is_told(shop: Path, tmp_path: Path) -> None:  # noqa: F811
    started = run(str(shop / "walk.mp4"), "--bundle", str(shop / "toy"), "--publish", "https://example.org/live")
    said, errors = started.communicate(timeout=60)
    assert started.returncode == 2 and "cannot publish to https://" in errors
