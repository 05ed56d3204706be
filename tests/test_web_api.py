"""The API under made-up requests, and a client written against it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from benchmarks.api_fuzz import Known, fuzz
from matcher.web.app.make import shop_app
from matcher.web.base import web_app
from matcher.web.token import Token
from tests.web_shop import SECRET, png, toy_options, toy_pipeline, toy_server

pytest.importorskip("schemathesis", reason="schemathesis is not installed")
CASES = 150


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    folder = tmp_path_factory.mktemp("web")
    made = shop_app(toy_pipeline(folder), Token(SECRET), toy_options(folder))
    made.state.app.jobs.start()
    yield made
    made.state.app.jobs.stop()
    made.state.app.store.close()


def test_made_up_requests_cause_no_server_error(app: FastAPI) -> None:
    look = app.state.app.finder.find(png())
    known = Known({"look_id": look.id, "number": "0", "id": "p-tops"}, {"/api/looks": png(), "/api/stills": png()})
    found = fuzz(app, CASES, SECRET, known)
    assert found.errors == [] and found.off_schema == []
    assert found.cases >= CASES and found.operations > 25
    assert found.statuses[200] > 20 and found.statuses[422] > 10 and found.statuses[401] > 10


def test_the_search_finds_server_errors_and_answers_that_break_their_word() -> None:
    app = web_app("broken", Token(SECRET))

    @app.get("/half")
    async def half(number: int) -> dict[str, int]:
        return {"half": 1 // (number % 2)}

    found = fuzz(app, 40, SECRET)
    assert found.server_errors > 0 and "/half" in found.errors[0]


def test_every_write_and_everything_private_asks_for_the_token(app: FastAPI) -> None:
    open_writes = {("post", "/api/looks"), ("post", "/api/looks/from-address")}
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            private = path.startswith(("/api/jobs", "/api/videos", "/api/stills", "/api/reviews", "/api/history"))
            needs = private or (method != "get" and (method, path) not in open_writes)
            assert ("security" in operation) == needs, (method, path)


def test_every_operation_says_what_it_does(app: FastAPI) -> None:
    for methods in app.openapi()["paths"].values():
        for operation in methods.values():
            assert operation["description"].endswith(".") and operation["tags"]


def test_the_folder_of_the_app_is_the_user_s_alone(app: FastAPI) -> None:
    folder: Path = app.state.app.store.folder
    assert folder.stat().st_mode & 0o077 == 0


def test_the_example_client_works(app: FastAPI, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(__file__).parents[1] / "docs" / "examples" / "shop_client.py"
    spec = importlib.util.spec_from_file_location("shop_client", path)
    client = sys.modules["shop_client"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(client)
    (tmp_path / "look.png").write_bytes(png())
    with toy_server(tmp_path / "web") as server:
        client.main(str(server.base_url), str(tmp_path / "look.png"))
        with client.ShopClient(str(server.base_url), SECRET) as shop:
            look = shop.look(tmp_path / "look.png")
            shop.feedback(look, look.garments[0], "p-tops", right=True)
            assert shop.similar(look, look.garments[0], 2)
            assert {one.product.id[0] for one in shop.similar(look, look.garments[0], in_stock=True)} == {"p"}
            assert not shop.similar(look, look.garments[0], price_min=1, price_max=9, brands=["Sol", "Norr & Co"])
            with pytest.raises(client.ShopError, match="no such product"):
                shop.feedback(look, look.garments[0], "none", right=True)
    assert "exact: A <b>tops</b>" in capsys.readouterr().out
