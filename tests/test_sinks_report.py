"""report.html, as a browser sees it: complete, harmless, and with nothing fetched."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from matcher.sightings import Sighting
from matcher.sinks import page_data, page_pictures
from matcher.sinks.html import ReportFacts, render_report
from matcher.timecode import Timecode
from matcher.types import EXACT, SIMILAR, Product
from matcher.video.image import read_image

CHROMIUM = next((p for name in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(name))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

THUMB = cv2.imencode(".jpg", np.full((90, 60, 3), (200, 60, 220), np.uint8))[1].tobytes()
ATTACK = "\"><script>alert(1)</script><img src=x onerror=alert(1)> & '"
SHIRT = Product(
    "shirt", "Striped “shirt”", "tops", brand="B&C", price=1234.5, currency="EUR", link="https://shop.example/1?a=1&b=2"
)
EVIL = Product("evil", ATTACK, "pants", brand=ATTACK, currency=ATTACK, price=1.0, link="javascript:alert(1)")


def sighting(product: Product = SHIRT, first: int = 0, last: int = 4, tier: int = EXACT, shot: int = 1) -> Sighting:
    span = Fraction(first), Fraction(last)
    return Sighting(product, tier, *span, span[1] - span[0], 0.9, 3, shot, (1, 2), product.type, THUMB)


def facts(seconds: int = 10, name: str = "show.mp4") -> ReportFacts:
    timecode = Timecode.of(Fraction(25), "10:00:00:00")
    return ReportFacts(name, (1280, 720), seconds * 25, Fraction(0), Fraction(seconds), timecode)


class Page(HTMLParser):
    """The elements of a page and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))

    def handle_data(self, data: str) -> None:
        self.text.append(data.strip())

    def all(self, tag: str, kind: str | None = None) -> list[dict[str, str]]:
        return [a for t, a in self.elements if t == tag and (kind is None or kind in a.get("class", "").split())]


def data_of(text: str) -> dict:
    """What the page's script is given."""
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1])


def test_it_says_what_was_seen() -> None:
    text = render_report([sighting(), sighting(EVIL, 2, 3, SIMILAR), sighting(first=6, last=8)], facts())
    data, page = data_of(text), " ".join(Page(text).text)
    assert "show.mp4" in page and "10.0 s" in page
    shirt, evil = data["products"]
    assert (shirt["name"], shirt["brand"], shirt["price"]) == ("Striped “shirt”", "B&C", "1,234.50 EUR")
    assert (shirt["screen"], shirt["share"], shirt["count"], shirt["link"]) == (6.0, "60%", 2, SHIRT.link)
    assert [row[:2] for row in shirt["rows"]] == [["10:00:00:00", "10:00:04:00"], ["10:00:06:00", "10:00:08:00"]]
    assert shirt["marks"] == [[0, 4000, "exact"], [6000, 2000, "exact"]] and evil["marks"] == [[2000, 1000, "similar"]]
    assert evil["link"] == ""
    assert [read_image(base64.b64decode(t)).shape for t in data["thumbs"]] == [(90, 60, 3)] * 3


def test_texts_of_shops_stay_texts() -> None:
    text = render_report([sighting(EVIL)], facts(name=ATTACK))
    page = Page(text)
    assert [a.get("type") for a in page.all("script")] == ["application/json", None], "the data and our own"
    assert not page.all("img") and not page.all("a")
    assert data_of(text)["products"][0]["name"] == ATTACK
    assert "<script>alert(1)" not in text


def test_everything_is_inside_the_page_and_the_policy_forbids_the_rest() -> None:
    text = render_report([sighting(), sighting(EVIL)], facts(), lambda _: np.zeros((400, 300, 3), np.uint8))
    page = Page(text)
    assert {tag for tag, _ in page.elements} & {"iframe", "object", "embed", "form", "base"} == set()
    assert [a["href"] for a in page.all("link")] == ["data:,"]
    assert not [a for _, a in page.elements if "style" in a or "src" in a or any(k.startswith("on") for k in a)]
    (policy,) = [m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src data: blob:; style-src 'sha256-")
    assert "unsafe" not in policy and "http" not in policy


def test_the_shops_picture_is_scaled_down_and_may_be_missing() -> None:
    large = np.full((4000, 3000, 3), 50, np.uint8)
    data = data_of(render_report([sighting(), sighting(EVIL)], facts(), lambda p: large if p is SHIRT else None))
    shirt, evil = data["products"]
    assert read_image(base64.b64decode(data["thumbs"][shirt["shop"]])).shape == (120, 90, 3)
    assert evil["shop"] == -1


def test_a_long_film_gives_a_bounded_page() -> None:
    noise = cv2.imencode(".jpg", np.random.default_rng(1).integers(0, 255, (170, 120, 3), np.uint8))[1].tobytes()
    products = [Product(f"p{i}", f"Product {i}") for i in range(page_data.MAX_PRODUCTS + 5)]
    many = [
        replace(sighting(p, i % 100, i % 100 + 1, shot=k), thumbnail=noise)
        for i, p in enumerate(products)
        for k in (1, 2)
    ]
    many += [sighting(SHIRT, second, second + 1) for second in range(0, 7000, 10)]
    text = render_report(many, facts(7200))
    data = data_of(text)
    assert len(data["products"]) == page_data.MAX_PRODUCTS
    assert "6 products with less screen time" in text and data["products"][0]["more"] == 700 - page_data.MAX_ROWS
    assert sum(map(len, data["thumbs"])) < 1.4 * page_pictures.BUDGET and len(text) < 5_000_000


def test_every_product_has_a_picture_before_any_has_two() -> None:
    many = [sighting(Product(f"p{i}"), k, k + 1) for i in range(9) for k in range(5)]
    room = page_pictures.Pictures(budget=1)
    assert room.add(THUMB) == 0 and room.add(THUMB) == -1
    shown = [len(p["pictures"]) for p in data_of(render_report(many, facts(100)))["products"]]
    assert shown == [5] * 9


def test_outfits_and_shots() -> None:
    trousers = Product("trousers", "Trousers", "pants")
    seen = [replace(sighting(), outfits=(1,)), replace(sighting(trousers, 1, 5), outfits=(1,))]
    seen += [replace(sighting(first=7, last=9, shot=3), outfits=(2,))]
    film = replace(facts(), shots=((1, Fraction(0)), (2, Fraction(5)), (3, Fraction(6))))
    data = data_of(render_report(seen, film))
    assert [(g["name"], len(g["products"]), g["screen"]) for g in data["people"]] == [
        ("Outfit 1", 2, 5),
        ("Outfit 2", 1, 2),
    ]
    assert [(g["name"], g["marks"][0][:2]) for g in data["shots"]] == [
        ("Shot 1: 10:00:00:00", [0, 5000]),
        ("Shot 3: 10:00:06:00", [6000, 4000]),
    ]


def test_nothing_seen_is_said() -> None:
    assert "No product was recognised" in render_report([], facts())


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """An address, and what was asked of it."""
    asked: list[str] = []

    class Spy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Spy)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def browse(page: Path, folder: Path, width: int = 900) -> tuple[np.ndarray, list[str]]:
    """A screenshot (H, W, 3) BGR of a page, and the lines of the browser's console."""
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    flags += " --disable-component-update --disable-sync --hide-scrollbars --enable-logging=stderr --v=0"
    shot = folder / "shot.png"
    own = [f"--user-data-dir={folder / 'profile'}", f"--screenshot={shot}", f"--window-size={width},1200"]
    # Its helper processes keep the pipes open for a while after the shot: let them write to a file.
    with open(folder / "console.txt", "wb") as log:
        command = [CHROMIUM, *flags.split(), *own, page.as_uri()]
        env = {**os.environ, "XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
        subprocess.run(command, stdout=log, stderr=log, timeout=500, check=True, env=env)
    lines = (folder / "console.txt").read_text("utf-8", "replace").splitlines()
    return cv2.imread(str(shot)), [line for line in lines if "CONSOLE" in line]


@needs_chromium
def test_a_browser_shows_it_without_complaint(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(render_report([sighting(), sighting(EVIL, 5, 9, SIMILAR)], facts()), "utf-8")
    image, console = browse(page, tmp_path)
    assert console == []
    # The style is applied (paper, marks), so its hash in the policy is right; the thumbnails are shown.
    assert tuple(image[5, 5]) == (0xF2, 0xF5, 0xF6)
    for colour, least in (((0x63, 0x9D, 0x1F), 2000), ((0x1A, 0x9A, 0xE1), 2000), ((200, 60, 220), 2500)):
        assert np.count_nonzero(np.abs(image.astype(int) - colour).max(2) <= 6) > least


@needs_chromium
def test_the_policy_stops_what_might_slip_through(tmp_path: Path, server: tuple[str, list[str]]) -> None:
    address, asked = server
    slipped = f"<img src='{address}/pixel'><script src='{address}/code'></script><script>document.title='ran'</script>"
    slipped += f"<style>body{{background:url({address}/style) red}}</style><iframe src='{address}/frame'></iframe>"
    page = tmp_path / "report.html"
    page.write_text(render_report([sighting()], facts()).replace("</main>", slipped + "</main>"), "utf-8")
    image, console = browse(page, tmp_path)
    assert asked == []
    assert len(console) >= 4 and all("Content Security Policy" in line or "Refused" in line for line in console)
    assert tuple(image[5, 5]) == (0xF2, 0xF5, 0xF6)


@needs_chromium
def test_at_telephone_width_nothing_sticks_out(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    long = Product("long", "Averyveryverylongunbrokenproductname" * 4, link="https://shop.example/")
    text = render_report([sighting(long), sighting(EVIL, 5, 9, SIMILAR)], facts(name="a" * 120 + ".mp4"))
    page.write_text(text, "utf-8")
    image, _ = browse(page, tmp_path, width=500)
    right = image[:, -10:]  # the margin stays paper
    assert (np.abs(right.astype(int) - (0xF2, 0xF5, 0xF6)).max(2) <= 2).all()
