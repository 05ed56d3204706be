"""`asworn live --overlay-port`: what it says, and what it refuses before anything takes long."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from matcher.cli.main import main
from tests.live_stage import TOKEN
from tests.test_cli_match import shop  # noqa: F401 - a fixture


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASWORN_TOKEN", TOKEN)


def test_it_says_where_to_look_and_ends_with_the_streams(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    args = ["--catalog", str(shop / "toy.catalog"), "--bundle", str(shop / "toy"), "--overlay-port", "0"]
    walk = str(shop / "walk.mp4")
    assert main(["live", walk, walk, *args]) == 0
    said = capsys.readouterr().out
    port = re.search(rf"dashboard: http://127\.0\.0\.1:(\d+)/\?token={TOKEN}", said)[1]
    assert re.findall(rf"http://127\.0\.0\.1:{port}/overlay\?stream=(\S+)", said) == ["walk", "walk-2"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port)))


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--overlay-config", "nowhere.toml"], "nowhere.toml"),
        (["--pictures", "nowhere"], "--pictures"),
        (["--overlay-host", "no.such.host.invalid"], "no address of this machine"),
        (["--overlay-config", "{bad}"], "unknown settings"),
        (["--blocked", "{garbage}"], "garbage.json must be"),
    ],
)
def test_mistakes_are_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], args: list[str], said: str
) -> None:
    (tmp_path / "bad.toml").write_text("[cards]\nmany = 4\n")
    (tmp_path / "garbage.json").write_text("[]")
    places = {"bad": tmp_path / "bad.toml", "garbage": tmp_path / "garbage.json"}
    given = [arg.format(**places) for arg in args]
    assert main(["live", "nowhere.mp4", "--overlay-port", "0", *given]) == 2
    told = capsys.readouterr().err
    assert said in told and len(told.splitlines()) <= 2


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["live", "nowhere.mp4", "--overlay-port", str(port)]) == 2
    assert f"port {port} is in use" in capsys.readouterr().err
