"""The web app's interface about pictures and products, asked over HTTP as programs do."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from matcher.sinks.cutouts import cut_out, in_square
from matcher.types import Garments
from matcher.web.app.outlines import outline
from tests.picture_server import picture as served
from tests.picture_server import redirect, serving
from tests.web_shop import BEARER, WORN, picture, png, toy_server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("web")


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[httpx.Client]:
    with toy_server(folder) as one:
        yield one


@pytest.fixture(scope="module")
def look(client: httpx.Client) -> dict:
    answer = client.post("/api/looks", content=png())
    assert answer.status_code == 200, answer.text
    return answer.json()


def inside(path: str) -> np.ndarray:
    """The pixels of the toy picture inside an SVG path of lines."""
    mask = np.zeros((360, 640), np.uint8)
    for part in path.strip("MZ").split("ZM"):
        points = np.array([[float(v) for v in pair.split()] for pair in part.split("L")])
        cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 1)
    return mask > 0


def test_a_picture_has_its_garments_products_and_people(look: dict) -> None:
    found = {one["type"]: one for one in look["garments"]}
    assert set(found) == set(WORN) and (look["width"], look["height"]) == (640, 360)
    assert look["persons"] == 2
    assert found["tops"]["person"] == found["pants"]["person"] == 0 and found["outerwear"]["person"] == 1
    for name, one in found.items():
        assert np.allclose(one["box"], WORN[name], atol=3)
        first = one["matches"][0]
        assert (first["product"]["id"], one["tier"]) == (f"p-{name}", "exact")
        assert first["product"]["price_text"] == "1,299.00 EUR" and first["product"]["link"].startswith("https://shop")
        assert one["keywords"][0] == name


def test_outlines_lie_on_the_garments(look: dict) -> None:
    for one in look["garments"]:
        x0, y0, x1, y1 = WORN[one["type"]]
        box = np.zeros((360, 640), bool)
        box[y0:y1, x0:x1] = True
        drawn = inside(one["outline"])
        assert (drawn & box).sum() / drawn.sum() > 0.9 and drawn.sum() / box.sum() > 0.6


def test_an_outline_is_there_whatever_the_mask() -> None:
    for value in (0.0, 1.0):
        one = Garments([[10, 20, 50, 90]], mask=np.full((1, 28, 28), value), type_probs=np.eye(1, 11))
        path = outline(in_square(np.zeros((100, 100, 3), np.uint8), one))
        assert path.startswith("M") and path.endswith("Z") and path.count("L") >= 2


def test_pictures_crops_and_cutouts_are_encoded_anew(client: httpx.Client, look: dict) -> None:
    top = next(one for one in look["garments"] if one["type"] == "tops")
    crop = client.get(top["crop"])
    image = cv2.imdecode(np.frombuffer(crop.content, np.uint8), cv2.IMREAD_COLOR)
    assert crop.headers["content-type"] == "image/jpeg" and abs(image.shape[0] - 100) <= 4
    cutout = cv2.imdecode(np.frombuffer(client.get(top["cutout"]).content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert cutout.shape[2] == 4 and cutout[cutout.shape[0] // 2, cutout.shape[1] // 2, 3] == 255
    assert (cutout[cutout[..., 3] == 0] == 0).all()
    whole = cv2.imdecode(np.frombuffer(client.get(look["picture"]).content, np.uint8), cv2.IMREAD_COLOR)
    assert whole.shape == (360, 640, 3) and np.abs(whole.astype(int) - picture()).mean() < 3


def test_a_cutout_at_the_border_has_the_size_of_its_box() -> None:
    image = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    one = Garments([[-20, -5, 30, 70]], mask=np.ones((1, 28, 28)), type_probs=np.eye(1, 11))
    assert cut_out(image, one).shape == (60, 30, 4)


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 400, "picture"),
        (b"<html>", 400, "not a picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, 400, "picture"),
        (png()[:300], 400, "damaged"),
    ],
)
def test_what_is_no_picture_is_refused_in_words(client: httpx.Client, body: bytes, status: int, says: str) -> None:
    answer = client.post("/api/looks", content=body)
    assert answer.status_code == status and says in answer.json()["detail"]


def test_a_picture_too_large_is_refused(client: httpx.Client) -> None:
    assert client.post("/api/looks", content=b"x" * ((25 << 20) + 1)).status_code == 413


def test_large_pictures_are_brought_to_a_size(client: httpx.Client) -> None:
    large = cv2.resize(picture(), (5120, 2880), interpolation=cv2.INTER_NEAREST)
    found = client.post("/api/looks", content=png(large)).json()
    assert max(found["width"], found["height"]) == 2048 and len(found["garments"]) == 3


def test_unknown_pictures_and_garments_are_not_found(client: httpx.Client, look: dict) -> None:
    for path in ("/api/looks/nothing", f"/api/looks/{look['id']}/garments/9/crop", "/api/looks/nothing/picture"):
        assert client.get(path).status_code == 404
    assert client.get(f"/api/looks/{look['id']}").json()["garments"] == look["garments"]


def test_similar_products_are_ordered_and_filtered(client: httpx.Client, look: dict) -> None:
    base = f"/api/looks/{look['id']}/garments/0/similar"
    found = client.get(base, params={"count": 5}).json()["matches"]
    assert len(found) == 4  # two types are searched, two products each
    scores = [one["score"] for one in found]
    assert scores == sorted(scores, reverse=True)
    only = client.get(base, params={"brand": "sol"}).json()["matches"]
    assert {one["product"]["brand"] for one in only} == {"Sol"}
    assert client.get(base, params={"price_max": 10}).json()["matches"] == []
    assert client.get(base, params={"count": 0}).status_code == 422


def test_similar_products_can_be_narrowed_down(client: httpx.Client, look: dict) -> None:
    like, base = "/api/products/like", f"/api/looks/{look['id']}/garments/0/similar"

    def ids(path: str = base, **params: object) -> set[str]:
        answer = client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return {one["product"]["id"][0] for one in answer.json()["matches"]}

    assert ids() == ids(in_stock=False) == ids(brand=["", " "]) == ids(brand=["SOL", "norr & co"]) == {"p", "q"}
    assert ids(in_stock=True) == ids(price_min=1299, price_max=1299) == ids(price_min=5, currency="eur") == {"p"}
    assert ids(price_min=1299.01) == ids(price_max=9e9, currency="USD") == ids(brand="Nor") == set()
    assert ids(brand="sol", in_stock=True) == set()
    assert ids(like, id="p-tops") == {"q"} and ids(like, id="p-tops", in_stock=True) == set()


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"price_min": 2, "price_max": 1}, "above price_max"),
        ({"price_min": -1}, "greater than or equal"),
        ({"price_max": "nan"}, "finite"),
        ({"price_max": "cheap"}, "valid number"),
        ({"in_stock": "perhaps"}, "boolean"),
        ({"brand": ["a"] * 21}, "at most 20"),
        ({"brand": "a" * 201}, "at most 200"),
        ({"currency": "a" * 11}, "at most 10"),
    ],
)
def test_conditions_that_cannot_be_are_refused_in_words(
    client: httpx.Client, look: dict, params: dict, says: str
) -> None:
    for path, more in ((f"/api/looks/{look['id']}/garments/0/similar", {}), ("/api/products/like", {"id": "p-tops"})):
        answer = client.get(path, params={**params, **more})
        assert answer.status_code == 422 and says in answer.json()["detail"][0]["msg"], path


def test_what_products_can_be_narrowed_down_by(client: httpx.Client) -> None:
    prices = {"currencies": ["EUR"], "price_min": 1299.0, "price_max": 1299.0}
    assert client.get("/api/products/filters").json() == {"brands": ["Norr & Co", "Sol"], **prices, "in_stock": 6}


def test_products_like_one_leave_it_out(client: httpx.Client) -> None:
    found = client.get("/api/products/like", params={"id": "p-tops"}).json()["matches"]
    assert [one["product"]["id"] for one in found] == ["q-tops"]
    assert client.get("/api/products/like", params={"id": "none"}).status_code == 404


def test_products_are_found_by_words(client: httpx.Client) -> None:
    ask = lambda words, **more: [  # noqa: E731
        one["id"] for one in client.get("/api/products/search", params={"words": words, **more}).json()
    ]
    assert ask("OTHER bags") == ["q-bags"] and ask("norr", type="tops") == ["p-tops"]
    assert ask("%") == [] and ask("' OR 1=1 --") == [] and len(ask("o", count=3)) == 3


def test_product_pictures_are_small_jpegs_that_are_kept(client: httpx.Client) -> None:
    answer = client.get("/api/products/picture", params={"id": "p-tops", "side": 160})
    assert answer.content.startswith(b"\xff\xd8") and answer.headers["content-type"] == "image/jpeg"
    again = client.get(answer.url, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304 and not again.content
    assert client.get("/api/products/picture", params={"id": "q-tops"}).status_code == 404
    assert client.get("/api/products/picture", params={"id": "p-tops", "side": 161}).status_code == 422


def test_a_picture_of_the_web_is_fetched_from_public_addresses_alone(folder: Path, client: httpx.Client) -> None:
    with serving() as web:
        web.answers["/a.png"] = served(png())
        web.answers["/in"] = redirect("http://127.0.0.1:1/a.png")
        for url in (web.url("/a.png"), web.url("/a.png", "localhost"), "http://169.254.169.254/", "http://[::1]/x"):
            answer = client.post("/api/looks/from-address", json={"url": url})
            assert answer.status_code == 400 and "not a public address" in answer.json()["detail"], url
        assert not web.requests
        for url in ("file:///etc/passwd", "ftp://a.example/b", "gopher://x.example", "http://[::"):
            assert client.post("/api/looks/from-address", json={"url": url}).status_code == 400


def test_a_picture_of_the_web_is_looked_at_where_its_network_is_allowed(tmp_path: Path) -> None:
    with serving() as web, toy_server(tmp_path, allow_private=True) as client:
        web.answers["/a.png"] = served(png())
        found = client.post("/api/looks/from-address", json={"url": web.url("/a.png")}).json()
        assert len(found["garments"]) == 3
        assert client.post("/api/looks/from-address", json={"url": web.url("/none")}).status_code == 400


def test_feedback_needs_the_token_and_a_product(client: httpx.Client, look: dict) -> None:
    path = f"/api/looks/{look['id']}/garments/0/feedback"
    said = {"product_id": look["garments"][0]["matches"][0]["product"]["id"], "verdict": "right"}
    assert client.post(path, json=said).status_code == 401
    before = client.get("/api/reviews", headers=BEARER).json()["counts"]["right"]
    assert client.post(path, json=said, headers=BEARER).status_code == 200
    assert client.get("/api/reviews", headers=BEARER).json()["counts"]["right"] == before + 1
    assert client.post(path, json={**said, "product_id": "none"}, headers=BEARER).status_code == 404
    assert client.post(path, json={**said, "verdict": "maybe"}, headers=BEARER).status_code == 422


def test_cutouts_are_saved_with_labels_on_request(client: httpx.Client, look: dict) -> None:
    assert client.post(f"/api/looks/{look['id']}/save").status_code == 401
    saved = client.post(f"/api/looks/{look['id']}/save", headers=BEARER).json()
    place = Path(saved["folder"])
    assert sorted(path.name for path in place.iterdir()) == sorted(saved["files"]) and len(saved["files"]) == 7
    rows = list(csv.DictReader(io.StringIO((place / "labels.csv").read_text())))
    assert {row["type"] for row in rows} == set(WORN) and {row["product_id"] for row in rows} == {
        "p-" + n for n in WORN
    }
    for row in rows:
        assert cv2.imread(str(place / row["file"]), cv2.IMREAD_UNCHANGED).shape[2] == 3
        assert cv2.imread(str(place / row["cutout"]), cv2.IMREAD_UNCHANGED).shape[2] == 4


def test_heavy_requests_are_limited_by_client(tmp_path: Path) -> None:
    with toy_server(tmp_path, rate=0.2) as client:
        answers = [client.post("/api/looks", content=png()).status_code for _ in range(3)]
        assert answers == [200, 200, 429] and client.get("/").status_code == 200


def test_pages_and_their_parts_are_ours_alone(client: httpx.Client) -> None:
    for path in ("/", "/videos", "/player", "/review", "/model", "/docs"):
        for headers in ({}, BEARER):
            page = client.get(path, headers=headers)
            assert page.status_code == 200 and "script-src 'self'" in page.headers["content-security-policy"]
            assert "<script>" not in page.text and " style=" not in page.text and "onclick" not in page.text
            assert 'src="http' not in page.text and 'href="http' not in page.text


def test_the_model_page_says_what_the_card_says(client: httpx.Client) -> None:
    page, facts = client.get("/model").text, client.get("/api/model").json()
    assert facts["name"] in page and facts["hash"] in page and facts["licence"] == "Apache-2.0"
    assert facts["catalogue"]["products"] == 12 and "embedder" in page


def test_the_docs_page_lists_every_operation(client: httpx.Client) -> None:
    schema, page = client.get("/openapi.json").json(), client.get("/docs").text
    operations = [(method, path) for path, methods in schema["paths"].items() for method in methods]
    assert len(operations) > 25
    for _, path in operations:
        assert f"<code>{path}</code>" in page
