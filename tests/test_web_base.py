"""What every server of ours shares: who may ask, how much, who may write, and what answers carry."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi import Depends, FastAPI, Request, WebSocket
from websockets.sync.client import connect

from matcher.errors import InputError, MediaError
from matcher.types import Product
from matcher.web.assets import Assets
from matcher.web.base import web_app
from matcher.web.limits import Limits, Rate
from matcher.web.pages import price
from matcher.web.pictures import ProductPictures
from matcher.web.policy import Policy
from matcher.web.server import Serving, listen
from matcher.web.token import Token, writer
from tests.picture_server import picture, serving

SECRET = "a-secret-of-this-test-only"


def small_app(**how: object) -> FastAPI:
    app = web_app("small", Token(SECRET), **how)

    @app.get("/hello")
    async def hello() -> dict[str, str]:
        return {"hello": "you"}

    @app.post("/write", dependencies=[Depends(writer)])
    async def write(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @app.post("/read")
    async def read(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @app.get("/wrong")
    async def wrong() -> None:
        raise MediaError("this picture is no picture")

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError("secret detail")

    @app.websocket("/socket")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_json({"may": socket.app.state.token.allows(socket)})
        await socket.close()

    return app


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with Serving(small_app()) as running:
        yield running


@pytest.fixture
def client(server: Serving) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False) as one:
        yield one


def test_every_answer_carries_the_policy(client: httpx.Client) -> None:
    for path in ("/hello", "/none", "/wrong", "/broken"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_the_policy_names_no_other_origin() -> None:
    sources = {word for part in Policy().header.split("; ") for word in part.split()[1:]}
    assert sources <= {"'none'", "'self'", "data:", "blob:"}


def test_errors_are_plain_lines_without_a_traceback(client: httpx.Client) -> None:
    assert client.get("/wrong").status_code == 400
    assert client.get("/wrong").json() == {"detail": "this picture is no picture"}
    broken = client.get("/broken")
    assert broken.status_code == 500 and "secret" not in broken.text


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "[::1"])
def test_other_names_are_refused(client: httpx.Client, host: str) -> None:
    assert client.get("/hello", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:99", "127.0.0.1", "[::1]:80", "192.168.1.7", "a.localhost"])
def test_own_names_and_addresses_are_answered(client: httpx.Client, host: str) -> None:
    assert client.get("/hello", headers={"Host": host}).status_code == 200


def test_a_name_can_be_allowed() -> None:
    with Serving(small_app(names=["shop.example"])) as running:
        headers = {"Host": "Shop.Example:80"}
        assert httpx.get(running.url + "/hello", headers=headers, trust_env=False).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_pages_of_others_cannot_write(client: httpx.Client, headers: dict[str, str]) -> None:
    bearer = {"Authorization": f"Bearer {SECRET}"}
    assert client.post("/write", headers=bearer | headers).status_code == 403
    assert client.get("/hello", headers=headers).status_code == 200


def test_our_own_pages_can_write(client: httpx.Client, server: Serving) -> None:
    headers = {"Authorization": f"Bearer {SECRET}", "Origin": server.url, "Sec-Fetch-Site": "same-origin"}
    assert client.post("/write", headers=headers).status_code == 200


def test_a_page_behind_tls_can_write(client: httpx.Client) -> None:
    headers = {"Authorization": f"Bearer {SECRET}", "Host": "localhost", "Origin": "https://localhost"}
    assert client.post("/write", headers=headers).status_code == 200


def test_writing_needs_the_token(client: httpx.Client) -> None:
    for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": f"Basic {SECRET}"}, {"Authorization": "ü"}):
        encoded = {name: text.encode() for name, text in headers.items()}
        assert client.post("/write", headers=encoded).status_code == 401
    assert client.post("/write", headers={"Authorization": f"Bearer {SECRET}x"}).status_code == 401
    assert client.post("/write", headers={"Authorization": f"bearer {SECRET}"}).status_code == 200


def test_a_link_with_the_token_becomes_a_cookie(client: httpx.Client, server: Serving) -> None:
    answer = client.get(f"{server.url}//hello?x=1&token={SECRET}&y=a%26b")
    assert answer.status_code == 303 and answer.headers["location"] == "/hello?x=1&y=a%26b"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert client.post("/write").status_code == 200  # the client keeps the cookie
    assert client.get("/hello?token=wrong").status_code == 401


def test_websockets_are_for_our_pages_alone(server: Serving) -> None:
    address = server.url.replace("http", "ws") + "/socket"
    with connect(address, additional_headers={"Authorization": f"Bearer {SECRET}"}, proxy=None) as socket_:
        assert json.loads(socket_.recv()) == {"may": True}
    with connect(address, origin=server.url, proxy=None) as socket_:
        assert json.loads(socket_.recv()) == {"may": False}
    with pytest.raises(Exception, match="403"), connect(address, origin="https://evil.example", proxy=None):
        pass


def test_the_token_is_kept_for_the_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASWORN_TOKEN", raising=False)
    path = tmp_path / "settings" / "token"
    first = Token.kept(path)
    assert Token.kept(path).text == first.text and len(first.text) >= 32
    assert os.stat(path).st_mode & 0o077 == 0
    monkeypatch.setenv("ASWORN_TOKEN", SECRET)
    assert Token.kept(path).text == SECRET


def test_bad_tokens_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASWORN_TOKEN", raising=False)
    (tmp_path / "token").write_text("short")
    (tmp_path / "file").write_text("")
    for make in (lambda: Token("x"), lambda: Token("a b" * 20), lambda: Token.kept(tmp_path / "token")):
        with pytest.raises(InputError, match="token"):
            make()
    with pytest.raises(InputError, match="cannot keep a token"):
        Token.kept(tmp_path / "file" / "token")


def test_bodies_are_limited_stated_or_not() -> None:
    with Serving(small_app(limits=Limits(body_bytes=1000, larger={"/write": 2000}))) as running:
        with httpx.Client(base_url=running.url, trust_env=False) as client:
            assert client.post("/read", content=b"x" * 1000).json() == {"bytes": 1000}
            assert client.post("/read", content=b"x" * 1001).status_code == 413
            pieces = (b"x" * 300 for _ in range(5))  # chunked: no length is stated
            assert client.post("/read", content=pieces).status_code == 413
            bearer = {"Authorization": f"Bearer {SECRET}"}
            assert client.post("/write", content=b"x" * 1500, headers=bearer).json() == {"bytes": 1500}


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    with Serving(small_app(limits=Limits(body_s=0.2))) as running:
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as plain:
            plain.sendall(b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc")
            assert b" 408 " in plain.recv(4096).split(b"\r\n")[0]


def test_too_many_requests_have_to_wait() -> None:
    with Serving(small_app(limits=Limits(rate=0.01, burst=3))) as running:
        with httpx.Client(base_url=running.url, trust_env=False) as client:
            answers = [client.get("/hello") for _ in range(5)]
            assert [one.status_code for one in answers] == [200] * 3 + [429] * 2
            assert int(answers[-1].headers["retry-after"]) > 1


def test_a_bucket_fills_again_and_clients_do_not_share() -> None:
    now = [0.0]
    rate = Rate(2, 2, lambda: now[0])
    assert [rate.take("a") for _ in range(3)] == [0, 0, pytest.approx(0.5)]
    assert rate.take("b") == 0
    now[0] = 0.5
    assert rate.take("a") == 0 and rate.take("a") > 0
    now[0] = 1000
    assert [rate.take("a") == 0 for _ in range(3)] == [True, True, False]


def test_assets_have_addresses_that_last(client: httpx.Client, server: Serving) -> None:
    assets = Assets("matcher.web")
    answer = client.get(assets.url("base.css"))
    assert answer.headers["content-type"].startswith("text/css") and "immutable" in answer.headers["cache-control"]
    old = client.get("/assets/000000000000/base.css")
    assert old.status_code == 200 and old.headers["cache-control"] == "no-store"
    assert client.get(f"/assets/{assets.mark}/..%2Fserver.py").status_code == 404
    with pytest.raises(KeyError):
        assets.url("none.css")


def test_pages_load_nothing_foreign() -> None:
    """Whatever we ship, by its text: addresses in it are our own, or names of XML kinds."""
    for folder in Path(sys.modules["matcher.web.base"].__file__).parent.rglob("static"):
        for file in folder.iterdir():
            text = file.read_text("utf-8", "ignore").replace("http://www.w3.org/", "")
            assert "http://" not in text and "https://" not in text.replace("https?", ""), file
            assert "innerHTML" not in text and "eval(" not in text, file


def test_a_port_in_use_is_one_line(server: Serving) -> None:
    with pytest.raises(InputError, match=f"port {server.port} is in use"):
        Serving(small_app(), port=server.port)
    with pytest.raises(InputError, match="no address of this machine"):
        listen("no.such.host.invalid", 0)


def test_a_server_in_a_thread_ends_and_frees_its_port() -> None:
    before = threading.active_count()
    with Serving(small_app()) as running:
        assert httpx.get(running.url + "/hello", trust_env=False).json() == {"hello": "you"}
    assert threading.active_count() <= before + 1  # a worker of the event loop may linger
    listen("127.0.0.1", running.port).close()


def test_ctrl_c_ends_the_server_cleanly(tmp_path: Path) -> None:
    code = (
        "from contextlib import asynccontextmanager\nfrom matcher.web.base import web_app\n"
        "from matcher.web.server import serve\nfrom matcher.web.token import Token\n"
        "@asynccontextmanager\nasync def life(app):\n    yield\n    print('ended', flush=True)\n"
        f"serve(web_app('x', Token({SECRET!r}), lifespan=life), ready=lambda url: print(url, flush=True))\n"
        "print('returned')"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    url = process.stdout.readline().strip()
    assert httpx.get(url + "/openapi.json", trust_env=False).status_code == 200
    process.send_signal(2)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out.split()) == (0, ["ended", "returned"]) and not err


def png(side: tuple[int, int] = (400, 200)) -> bytes:
    import cv2

    image = np.random.default_rng(1).integers(0, 255, (side[1], side[0], 3), np.uint8)
    return cv2.imencode(".png", image)[1].tobytes()


def test_product_pictures_are_drawn_anew(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "a.png").write_bytes(png() + b"<script>alert(1)</script>")
    made = ProductPictures(tmp_path / "shop").jpeg(Product("1", image="a.png"), 160)
    assert made.startswith(b"\xff\xd8") and b"script" not in made and len(made) < 20_000


def test_product_pictures_stay_in_their_folder(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    (tmp_path / "private.png").write_bytes(png())
    (shop / "link.png").symlink_to(tmp_path / "private.png")
    (shop / "text.png").write_text("<html>")
    pictures = ProductPictures(shop)
    names = ("../private.png", str(tmp_path / "private.png"), "link.png", "text.png", "none.png", "", ".", "a\0b")
    assert [pictures.jpeg(Product("1", image=name)) for name in names] == [None] * len(names)
    assert ProductPictures().jpeg(Product("1", image="text.png")) is None


def test_product_pictures_of_the_web_are_fetched_once_and_never_from_inside() -> None:
    from matcher.fetch.fetcher import Fetcher, FetchOptions

    with serving() as server:
        server.answers["/a.png"] = picture(png())
        product = Product("1", image=server.url("/a.png"))
        with Fetcher(FetchOptions(allow_private=True, attempts=1)) as fetcher:
            pictures = ProductPictures(fetcher=fetcher)
            assert pictures.jpeg(product) == pictures.jpeg(product) is not None
        assert server.requests["/a.png"] == 1
        with Fetcher(FetchOptions(attempts=1)) as fetcher:
            refused = ProductPictures(fetcher=fetcher)
            assert refused.jpeg(product) is None and refused.jpeg(product) is None
        assert server.requests["/a.png"] == 1


def test_prices_in_words() -> None:
    assert price(1299, "EUR") == "1,299.00 EUR" and price(None, "EUR") == "" and price(0) == "0.00"


def test_the_lifespan_runs_beside_a_thread() -> None:
    from contextlib import asynccontextmanager

    seen: list[str] = []

    @asynccontextmanager
    async def life(_: FastAPI):  # noqa: ANN202
        task = asyncio.create_task(asyncio.sleep(100))
        seen.append("begun")
        yield
        task.cancel()
        seen.append("ended")

    with Serving(small_app(lifespan=life)):
        time.sleep(0)
    assert seen == ["begun", "ended"]
