"""`asworn serve` as a user starts and stops it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from matcher.cli.main import main
from matcher.cli.serve import default_data
from tests.toy_bundle import make_bundle
from tests.web_shop import png, write_products


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    write_products(folder, make_bundle(folder / "toy"))
    return folder


@contextmanager
def served(shop: Path, home: Path, *more: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """A server of its own process, and the link that it prints."""
    args = ["serve", "--catalog", str(shop / "toy.catalog"), "--bundle", str(shop / "toy"), "--port", "0"]
    environment = {**os.environ, "XDG_CONFIG_HOME": str(home / "config"), "XDG_DATA_HOME": str(home / "data")}
    environment.pop("ASWORN_TOKEN", None)
    command = [sys.executable, "-m", "matcher", *args, "--threads", "1", *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    with process:
        try:
            yield process, re.search(r"open (\S+)", process.stdout.readline())[1]
        finally:
            process.kill()


def test_the_printed_link_works_and_ctrl_c_ends_it_cleanly(shop: Path, tmp_path: Path) -> None:
    with served(shop, tmp_path, "--pictures", str(shop / "feed")) as (process, link):
        with httpx.Client(trust_env=False, follow_redirects=True, timeout=60) as client:
            page = client.get(link)
            assert page.status_code == 200 and 'data-may="yes"' in page.text and "token" not in str(page.url)
            look = client.post(str(page.url.copy_with(path="/api/looks")), content=png()).json()
            assert len(look["garments"]) == 3
            picture = look["garments"][0]["matches"][0]["product"]["picture"]
            assert client.get(page.url.join(picture)).headers["content-type"] == "image/jpeg"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0 and not err and "Traceback" not in out
    assert (tmp_path / "config" / "asworn" / "token").stat().st_mode & 0o077 == 0
    assert list((tmp_path / "data" / "asworn").iterdir()) == [default_data(shop / "toy.catalog")] or any(
        (tmp_path / "data" / "asworn").iterdir()
    )


def test_a_new_generation_of_the_catalogue_is_taken_up(shop: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    write_products(own, make_bundle(own / "toy"), ("tops",))
    with served(own, tmp_path) as (_, link), httpx.Client(trust_env=False, timeout=60) as client:
        url = link.partition("/?")[0]
        garments = lambda: client.post(f"{url}/api/looks", content=png()).json()["garments"]  # noqa: E731
        assert {one["tier"] for one in garments() if one["type"] == "pants"} == {"none"}
        (own / "feed").rename(own / "feed-before")
        write_products(own, make_bundle(own / "toy"))
        for _ in range(100):
            if {one["tier"] for one in garments() if one["type"] == "pants"} == {"exact"}:
                return
            time.sleep(0.2)
    pytest.fail("the old generation stays")


def test_a_picture_folder_that_is_missing_is_hinted_at(shop: Path, tmp_path: Path) -> None:
    with served(shop, tmp_path) as (process, _):
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert "--pictures FOLDER" in err


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--catalog", "nowhere"], "nowhere"),
        (["--pictures", "nowhere"], "no folder"),
        (["--videos", "nowhere"], "no folder"),
        (["--web-search", "ftp://x"], "no search address"),
        (["--web-search", "google"], "ASWORN_GOOGLE_KEY"),
        (["--host", "no.such.host.invalid"], "no address of this machine"),
        (["--port", "99999"], "65535"),
    ],
)
def test_mistakes_are_one_line(
    shop: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    says: str,
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    args = ["--catalog", str(shop / "toy.catalog"), "--bundle", str(shop / "toy"), "--pictures", str(shop / "feed")]
    assert main(["serve", *args, *more]) == 2
    said = capsys.readouterr().err
    assert says in said and len(said.strip().splitlines()) <= 2


def test_a_port_in_use_is_one_line(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        args = ["--catalog", str(shop / "toy.catalog"), "--bundle", str(shop / "toy"), "--pictures", str(shop / "feed")]
        assert main(["serve", *args, "--port", port]) == 2
    assert capsys.readouterr().err.strip() == f"asworn: port {port} is in use; choose another one, or stop what uses it"
