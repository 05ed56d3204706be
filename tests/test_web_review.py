"""Judging matches and the history, over HTTP and with two keys in a browser."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from matcher.errors import InputError
from matcher.types import Product
from matcher.web.app.history import History
from matcher.web.app.reviews import Match, Reviews, surroundings
from matcher.web.app.store import NAME, Store
from tests.browser import chromium, page_of, until
from tests.web_shop import BEARER, SECRET, WORN, picture, toy_server


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    with toy_server(tmp_path) as one:
        one.headers.update(BEARER)
        yield one


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    one = Store(tmp_path / "store")
    yield one
    one.close()


def add(client: httpx.Client) -> dict[str, str]:
    """A match of each worn garment, the top taken for the wrong product; type -> id."""
    reviews = client.app.state.app.reviews
    shown = {"tops": ("q-tops", 0.7), "pants": ("p-pants", 0.8), "outerwear": ("", 0.9)}
    image = picture()
    return {
        name: reviews.add(Match("clip.mp4 at 1.0 s", name, product, score, "similar"), image, np.float32(WORN[name]))
        for name, (product, score) in shown.items()
    }


def test_the_least_sure_come_first_with_what_else_it_may_be(client: httpx.Client) -> None:
    ids = add(client)
    found = client.get("/api/reviews").json()
    assert [one["id"] for one in found["reviews"]] == [ids["tops"], ids["pants"], ids["outerwear"]]
    first = found["reviews"][0]
    assert first["product"]["id"] == "q-tops" and first["others"][0]["product"]["id"] == "p-tops"
    assert found["reviews"][2]["product"] is None and found["counts"]["open"] == 3
    image = cv2.imdecode(np.frombuffer(client.get(first["picture"]).content, np.uint8), cv2.IMREAD_COLOR)
    x0, y0, x1, y1 = (round(v) for v in first["box"])
    assert np.abs(image[y0 + 3 : y1 - 3, x0 + 3 : x1 - 3].astype(int) - (0, 0, 255)).mean() < 5  # the red top itself


def test_judgements_are_stored_and_taken_back(client: httpx.Client) -> None:
    ids = add(client)
    put = lambda name, **said: client.put(f"/api/reviews/{ids[name]}", json=said)  # noqa: E731
    assert put("pants", verdict="right").status_code == 200
    assert put("tops", verdict="corrected", product_id="p-tops").status_code == 200
    assert put("outerwear", verdict="wrong").status_code == 200
    counts = client.get("/api/reviews").json()["counts"]
    assert counts == {"open": 0, "right": 1, "wrong": 1, "corrected": 1}
    assert put("pants", verdict="").status_code == 200
    assert client.get("/api/reviews").json()["counts"]["open"] == 1


def test_judgements_that_make_no_sense_are_refused(client: httpx.Client) -> None:
    ids = add(client)
    wrong = [
        ("outerwear", {"verdict": "right"}, 404),  # nothing was shown that could be right
        ("tops", {"verdict": "corrected"}, 400),
        ("tops", {"verdict": "right", "product_id": "p-tops"}, 400),
        ("tops", {"verdict": "corrected", "product_id": "none"}, 404),
        ("tops", {"verdict": "perhaps"}, 422),
    ]
    for name, said, status in wrong:
        assert client.put(f"/api/reviews/{ids[name]}", json=said).status_code == status, said
    assert client.put("/api/reviews/0123456789abcdef", json={"verdict": "wrong"}).status_code == 404
    assert client.get("/api/reviews").json()["counts"]["open"] == 3


def test_the_export_holds_the_pairs_that_are_true(client: httpx.Client) -> None:
    ids = add(client)
    client.put(f"/api/reviews/{ids['pants']}", json={"verdict": "right"})
    client.put(f"/api/reviews/{ids['tops']}", json={"verdict": "corrected", "product_id": "p-tops"})
    client.put(f"/api/reviews/{ids['outerwear']}", json={"verdict": "wrong"})
    told = client.post("/api/reviews/export").json()
    rows = list(csv.DictReader(Path(told["file"]).read_text("utf-8").splitlines()))
    assert told["pairs"] == 2 and {row["product_id"] for row in rows} == {"p-pants", "p-tops"}
    for row in rows:
        image = cv2.imread(str(Path(told["file"]).parent / row["image"]))
        x0, y0, x1, y1 = (float(row[name]) for name in ("x0", "y0", "x1", "y1"))
        assert 0 <= x0 < x1 <= image.shape[1] and 0 <= y0 < y1 <= image.shape[0]


def test_a_garment_at_the_border_keeps_its_box() -> None:
    image = np.zeros((100, 2000, 3), np.uint8)
    part, box = surroundings(image, np.float32([0, 0, 2000, 100]))
    assert max(part.shape[:2]) == 640 and box == pytest.approx([0, 0, 640, 32], abs=1)


def test_what_was_not_judged_goes_with_its_source(store: Store) -> None:
    reviews, image = Reviews(store), picture()
    kept, gone = (
        reviews.add(Match("a [123456] at 1 s", "tops", "p", 0.5, "similar"), image, np.float32(WORN["tops"]))
        for _ in range(2)
    )
    reviews.judge(kept, "right")
    reviews.forget("a [123456]")
    assert reviews.find(kept) and reviews.find(gone) is None and len(list(reviews.folder.glob("*.jpg"))) == 1


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--data"):
        Store(tmp_path / "file" / "data")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / NAME).write_bytes(b"this is no database" * 100)
    with pytest.raises(InputError, match="--data"):
        Store(tmp_path / "bad")


def product(number: int, shop: str = "a", brand: str = "") -> Product:
    return Product(str(number), link=f"https://{shop}.example/{number}", brand=brand)


def test_preferred_shops_and_brands_move_up_but_never_past_a_clear_difference(store: Store) -> None:
    history = History(store)
    found = [(product(1, "a"), 0.80), (product(2, "b"), 0.79), (product(3, "a"), 0.70), (product(4, "b"), 0.60)]
    assert history.ordered(found) == found
    for _ in range(3):
        history.add("visit", product(9, "b"))
    assert [one.id for one, _ in history.ordered(found)] == ["2", "1", "3", "4"]
    branded = [(product(1, "c", "x"), 0.80), (product(2, "c", "y"), 0.79)]
    history.add("open", product(8, "d", "y"))
    assert [one.id for one, _ in history.ordered(branded)] == ["2", "1"] or history.count() == 4


def test_more_like_what_was_opened_moves_up(store: Store) -> None:
    vectors = {"1": np.float32([1, 0]), "2": np.float32([0, 1]), "9": np.float32([0, 1])}
    history = History(store, vectors.get)
    found = [(product(1), 0.80), (product(2), 0.79)]
    history.add("open", product(9, "z"))
    assert [one.id for one, _ in history.ordered(found)] == ["2", "1"]


def test_history_can_be_switched_off_and_deleted(client: httpx.Client) -> None:
    note = lambda: client.post("/api/history", json={"kind": "visit", "product_id": "q-tops"})  # noqa: E731
    assert note().status_code == 204
    assert client.get("/api/history").json() == {"on": True, "events": 1}
    assert client.put("/api/history", json={"on": False}).json() == {"on": False, "events": 1}
    note()
    assert client.delete("/api/history").json() == {"on": False, "events": 0}
    assert client.post("/api/history", json={"kind": "visit", "product_id": "none"}).status_code == 404
    client.headers.pop("Authorization")
    assert [client.get("/api/history").status_code, note().status_code] == [401, 401]


def test_history_off_orders_as_if_there_were_none(store: Store) -> None:
    history, found = History(store), [(product(1, "a"), 0.80), (product(2, "b"), 0.79)]
    history.add("visit", product(9, "b"))
    history.switch(False)
    assert history.ordered(found) == found
    history.switch(True)
    assert history.ordered(found) != found
    history.delete()
    assert history.ordered(found) == found


def test_a_person_judges_with_two_keys(client: httpx.Client) -> None:
    ids, url = add(client), str(client.base_url)
    with chromium() as browser, page_of(browser, url) as page:
        page.goto(f"{url}/review?token={SECRET}")
        page.locator("#others .product").first.wait_for()
        page.keyboard.press("1")  # the first of the others
        page.get_by_text("Corrected.").wait_for()
        page.get_by_text("2 wait").wait_for()
        page.keyboard.press("j")
        page.get_by_text("1 wait").wait_for()
        assert page.get_by_role("button", name="Yes (J)").is_disabled()
        page.keyboard.press("f")
        page.get_by_text("Nothing waits. 3 are judged.").wait_for()
        page.keyboard.press("u")
        page.get_by_text("1 wait").wait_for()
        page.get_by_role("button", name="Write pairs for training").click()
        page.get_by_text("2 pairs are in").wait_for()
    rows = {name: client.app.state.app.reviews.find(one) for name, one in ids.items()}
    assert {name: (row["verdict"], row["truth"]) for name, row in rows.items()} == {
        "tops": ("corrected", "p-tops"),
        "pants": ("right", "p-pants"),
        "outerwear": ("", ""),
    }


def test_a_person_corrects_by_words_and_switches_history_off(client: httpx.Client) -> None:
    ids, url = add(client), str(client.base_url)
    with chromium() as browser, page_of(browser, url) as page:
        page.goto(f"{url}/review?token={SECRET}")
        page.locator("#others .product").first.wait_for()
        page.fill("#words", "other hats j f 1")  # keys typed into a field judge nothing
        page.fill("#words", "other hats")
        page.press("#words", "Enter")
        page.get_by_role("button", name="It is this one (1): Other hats").click()
        page.get_by_text("Corrected.").wait_for()
        page.locator("#history").uncheck()
        until(page, "!document.querySelector('#history').checked")
        page.get_by_role("button", name="Delete it").click()
        page.get_by_text("0 events are kept.").wait_for()
    assert client.app.state.app.reviews.find(ids["tops"])["truth"] == "q-hats"
    assert client.get("/api/history").json()["on"] is False
