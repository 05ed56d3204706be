"""Overlay, settings and dashboard in a real browser, as OBS and its user have them."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from matcher.web.live.message import key_of
from tests.browser import chromium, serious
from tests.live_stage import PRODUCTS, TOKEN, Actor, Relay, make_hub, serving, until

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
from playwright.sync_api import Browser, Page, expect  # noqa: E402 - only where it is there

expect.set_options(timeout=40_000)  # machines are busy at times; what is right comes much sooner
KEYS = [key_of(product.id) for product in PRODUCTS]
SIZE = {"width": 1280, "height": 720}
HERE = ".card.here"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that must not ask anybody else, nor break a rule of its policy."""
    context = browser.new_context(viewport=SIZE, reduced_motion="reduce")
    made = context.new_page()
    hosts, complaints = set(), []
    made.on("request", lambda request: hosts.add(re.split(r"[/:]+", request.url)[1]))
    made.on("pageerror", lambda error: complaints.append(str(error)))
    made.on("console", lambda told: "Content Security" in told.text and complaints.append(told.text))
    yield made
    context.close()
    assert hosts <= {"127.0.0.1"} and not complaints


def titles(page: Page) -> list[str]:
    return page.locator(f"{HERE} .title").all_text_contents()


def test_cards_come_with_the_right_product_and_go(page: Page) -> None:
    hub = make_hub()
    with serving(hub) as server, Actor(hub.board()) as actor:
        page.goto(f"{server.url}/overlay?qr=1")
        expect(page.locator(HERE)).to_have_count(1)
        card = page.locator(HERE)
        assert card.get_attribute("data-id") == KEYS[0] and titles(page) == ["Rust <b>overshirt</b>"]
        expect(card.locator(".price")).to_have_text("89.00 EUR")
        expect(card.locator(".shop")).to_have_text("shop.example")
        expect(card.locator("img.photo")).to_be_visible()
        expect(card.locator("img.qr")).to_be_visible()
        actor.worn = [1, 2]
        expect(page.locator(f'{HERE}[data-id="{KEYS[2]}"] .disclosure')).to_have_text("Ad: we earn")
        expect(page.locator(f'{HERE}[data-id="{KEYS[0]}"]')).to_have_count(0)
        expect(page.locator(f'{HERE}[data-id="{KEYS[1]}"] img.qr')).to_be_hidden()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgba(0, 0, 0, 0)"
        actor.worn = []
        expect(page.locator(".card")).to_have_count(0)


def test_the_source_stops_and_comes_back(page: Page) -> None:
    hub = make_hub()
    with serving(hub) as server:
        page.goto(f"{server.url}/overlay")
        for _ in range(2):
            with Actor(hub.board()):
                expect(page.locator(HERE)).to_have_count(1)
            expect(page.locator(".card")).to_have_count(0)
        until(lambda: page.locator("html").get_attribute("data-state") == "lost")


def test_the_server_is_killed_and_comes_back(page: Page) -> None:
    """No card outlives it for long, and the page that OBS keeps open needs nobody to reload it."""
    port = 0
    for number in range(3):
        hub = make_hub()  # another run of the program knows nothing of the page's state
        with serving(hub, port) as server, Actor(hub.board()):
            port = server.port
            if not number:
                page.goto(f"{server.url}/overlay")
            expect(page.locator(HERE)).to_have_count(1)
            expect(page.locator("html")).to_have_attribute("data-link", "up")
        expect(page.locator(".card")).to_have_count(0)


def test_a_link_that_breaks_for_an_instant_moves_no_card(page: Page) -> None:
    hub = make_hub()
    with serving(hub) as server, Actor(hub.board()), Relay(server.port) as relay:
        page.goto(f"{relay.url}/overlay")
        expect(page.locator(HERE)).to_have_count(1)
        page.evaluate("""() => {
            window.changes = 0;
            new MutationObserver(seen => window.changes += seen.length).observe(stage, {childList: true});
        }""")
        for _ in range(3):
            assert relay.cut() > 0
            expect(page.locator("html")).to_have_attribute("data-link", "down")
            expect(page.locator("html")).to_have_attribute("data-link", "up")
        assert page.evaluate("window.changes") == 0 and len(titles(page)) == 1


def test_a_server_that_says_nothing_confirms_no_card(page: Page) -> None:
    """The link stands, as with a machine that is too busy or asleep: the page itself sees to it that cards go."""
    hub = make_hub()
    with serving(hub) as server, Actor(hub.board()) as actor, Relay(server.port) as relay:
        hub.board().pin("w-3", True)  # such a card would stand for ever
        page.goto(f"{relay.url}/overlay")
        expect(page.locator(HERE)).to_have_count(2)
        version = hub.board().journal.version
        page.evaluate("""() => {
            window.gone = null;
            const began = performance.now(), link = document.documentElement.dataset;
            const look = () => {
                if (!document.querySelector(".card.here")) window.gone = [performance.now() - began, link.link];
                else requestAnimationFrame(look);
            };
            requestAnimationFrame(look);
        }""")
        relay.flows.clear()
        until(lambda: page.evaluate("window.gone"))
        after, link = page.evaluate("window.gone")
        assert after > 1000 and link == "up", "gone before the silent link was given up"
        relay.flows.set()
        expect(page.locator(HERE)).to_have_count(2)
        assert hub.board().journal.version == version and actor.frames, "the page asked for what it had forgotten"


def test_a_server_that_lets_nobody_in_confirms_no_card(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each new link opens and is closed at once: that it could be opened says nothing about the cards."""
    hub = make_hub()
    with serving(hub) as server, Actor(hub.board()), Relay(server.port) as relay:
        page.goto(f"{relay.url}/overlay")
        expect(page.locator(HERE)).to_have_count(1)
        monkeypatch.setattr("matcher.web.live.feed.MOST_PAGES", 0)
        relay.cut()
        expect(page.locator(".card")).to_have_count(0)
        monkeypatch.setattr("matcher.web.live.feed.MOST_PAGES", 5)
        expect(page.locator(HERE)).to_have_count(1)


def test_a_page_that_was_not_drawn_knows_which_cards_there_are(page: Page) -> None:
    """As OBS does with sources that it does not show: scripts run, frames do not."""
    page.add_init_script("""
        window.held = false; window.waiting = null;
        const real = window.requestAnimationFrame.bind(window);
        window.requestAnimationFrame = (draw) => window.held ? ((window.waiting = draw), 0) : real(draw);
    """)
    hub = make_hub()
    with serving(hub) as server, Actor(hub.board(), rate=1000) as actor:
        page.goto(f"{server.url}/overlay")
        expect(page.locator(HERE)).to_have_count(1)
        page.evaluate("window.held = true")
        actor.worn = [1]
        until(lambda: [card.product.id for card in hub.board().cards()] == ["w-2"])
        frames = actor.frames
        until(lambda: actor.frames > frames + 2100, 60)
        page.evaluate("() => { window.held = false; requestAnimationFrame(window.waiting); }")
        expect(page.locator(f'{HERE}[data-id="{KEYS[1]}"]')).to_have_count(1)
        expect(page.locator(f'.card[data-id="{KEYS[0]}"]')).to_have_count(0)


@pytest.mark.parametrize("layout", ["follow", "lower", "side"])
@pytest.mark.parametrize("edge", ["left", "right"])
def test_cards_stay_inside_the_safe_area_and_apart(page: Page, layout: str, edge: str) -> None:
    hub = make_hub()
    with serving(hub) as server, Actor(hub.board(), worn=(0, 1, 2)):
        page.goto(f"{server.url}/overlay?layout={layout}&edge={edge}&safe=5&qr=1")
        expect(page.locator(HERE)).to_have_count(3)
        page.wait_for_timeout(600)
        boxes = settled_boxes(page, 3, still=layout != "follow")
        for box in boxes:
            assert box["x"] >= 64 - 2 and box["x"] + box["width"] <= 1216 + 2
            assert box["y"] >= 36 - 2 and box["y"] + box["height"] <= 684 + 2
        pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i]]
        assert not any(overlap(a, b) for a, b in pairs)
        if layout != "follow":
            assert all((box["x"] < 640) == (edge == "left") for box in boxes[:1])


def settled_boxes(page: Page, count: int, still: bool) -> list[dict[str, float]]:
    """Where so many cards are, all at one moment: a busy machine may have taken them away, and they come again.

    `still`: and where they stay, once they have made room for each other.
    """
    measure = "[...document.querySelectorAll('.card.here')].map((card) => card.getBoundingClientRect().toJSON())"
    before = np.full((count, 2), np.nan)
    for _ in range(200):
        boxes = page.evaluate(measure)
        places = np.array([(box["x"], box["y"]) for box in boxes])
        all_there = len(boxes) == count == page.locator(".card").count()
        if all_there and (not still or np.allclose(before, places, atol=1)):
            return boxes
        before = places if all_there else np.full((count, 2), np.nan)
        page.wait_for_timeout(300)
    pytest.fail(f"there were never {count} cards")


def overlap(a: dict[str, float], b: dict[str, float]) -> bool:
    return all(a[p] < b[p] + b[size] - 1 and b[p] < a[p] + a[size] - 1 for p, size in (("x", "width"), ("y", "height")))


@pytest.mark.parametrize(("delay", "least", "most"), [(0, 0, 450), (900, 650, 1150)])
def test_a_card_follows_its_person_as_late_as_asked(page: Page, delay: int, least: int, most: int) -> None:
    hub = make_hub()
    with serving(hub) as server, Actor(hub.board()) as actor:
        page.goto(f"{server.url}/overlay?delay={delay}")
        expect(page.locator(HERE)).to_have_count(1)
        page.wait_for_timeout(1000)
        seen = np.array(page.evaluate(WATCH))
        moves = np.array(actor.moves)
    assert np.ptp(seen[:, 1]) > 40 and np.abs(np.diff(seen[:, 1])).max() < 40, "it moves, and never jumps"
    lags = np.arange(0, 1600, 20)
    misfits = [np.std(seen[:, 1] - 4 * np.interp(seen[:, 0] - lag, *moves.T)) for lag in lags]
    assert least <= lags[int(np.argmin(misfits))] <= most


# Where the dot on the garment is, in pixels, for two seconds of screen frames, and when.
WATCH = """() => new Promise(done => {
    const seen = [], began = performance.now();
    const look = now => {
        const place = new DOMMatrix(getComputedStyle(document.querySelector(".dot")).transform);
        seen.push([performance.timeOrigin + performance.now(), place.e]);
        now - began < 2000 ? requestAnimationFrame(look) : done(seen);
    };
    requestAnimationFrame(look);
})"""


def test_css_of_obs_changes_the_theme(page: Page) -> None:
    hub = make_hub()
    with serving(hub) as server, Actor(hub.board()):
        page.goto(f"{server.url}/overlay?theme=light&accent=%23ff0000&scale=2&radius=0")
        expect(page.locator(HERE)).to_have_count(1)
        face = "getComputedStyle(document.querySelector('.face'))"
        assert page.evaluate(f"{face}.borderLeftColor") == "rgb(255, 0, 0)"
        assert (
            page.evaluate(f"{face}.borderRadius") == "0px"
            and round(page.locator(".card").bounding_box()["width"]) == 600
        )
        page.evaluate("""() => {  // as OBS does with what stands in its field
            const style = document.createElement("style");
            style.innerHTML = ":root { --card: rgb(1, 2, 3) !important }";
            document.head.append(style);
        }""")
        assert page.evaluate(f"{face}.backgroundColor") == "rgb(1, 2, 3)"


def test_settings_show_what_they_do(page: Page) -> None:
    hub = make_hub(("cam", "second"))
    with serving(hub) as server, Actor(hub.board()):
        page.goto(f"{server.url}/overlay/settings")
        preview = page.frame_locator("#preview")
        expect(preview.locator(".card.here").first).to_be_visible()
        expect(page.locator("#address")).to_have_value(f"{server.url}/overlay?stream=cam")
        page.locator("select[name=theme]").select_option("bold")
        page.locator("select[name=layout]").select_option("lower")
        page.get_by_label("QR code of the link").check()
        page.get_by_label("Delay, ms").fill("250")
        page.locator("select[name=stream]").select_option("second")
        address = page.locator("#address").input_value()
        said = {"layout=lower", "theme=bold", "delay=250", "qr=1", "stream=second"}
        assert set(address.split("?")[1].split("&")) == said
        expect(preview.locator("html")).to_have_attribute("data-theme", "bold")
        expect(preview.locator(".card.here img.qr").first).to_be_visible()
        page.locator("select[name=stream]").select_option("cam")
        page.get_by_label("what the stream shows now").check()
        expect(preview.locator(".card.here .title")).to_have_text("Rust <b>overshirt</b>")
        page.goto(page.locator("#address").input_value())
        expect(page.locator("html")).to_have_attribute("data-theme", "bold")


def press_on(page: Page, name: str, key: str = "Enter") -> None:
    """Reach a button by the Tab key alone, and press it."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == name:
            page.keyboard.press(key)
            return
    raise AssertionError(f"no {name} to be reached by Tab")


def test_the_dashboard_by_keyboard(page: Page, tmp_path: Path) -> None:
    hub = make_hub(blocked=tmp_path / "blocked.json")
    board = hub.board()
    shirt = PRODUCTS[0].name
    with serving(hub) as server, Actor(board) as actor:
        page.goto(server.url)
        expect(page.get_by_role("heading")).to_have_text("This page needs the token")
        page.goto(f"{server.url}/?token={TOKEN}")
        assert "token" not in page.url
        expect(page.get_by_role("link", name=shirt)).to_have_attribute("href", "https://shop.example/1")
        press_on(page, f"Pin {shirt}")
        expect(page.get_by_role("status")).to_have_text(f"{shirt} is pinned.")
        actor.worn = [1]
        until(lambda: {card.product.id for card in board.cards()} == {"w-1", "w-2"})
        expect(page.get_by_text("Indigo jeans")).to_be_visible()
        expect(page.get_by_role("link", name="Indigo jeans")).to_have_count(0), "its link is none"
        press_on(page, "Hide Indigo jeans")
        until(lambda: {card.product.id for card in board.cards()} == {"w-1"})
        press_on(page, "show Indigo jeans again")
        until(lambda: {card.product.id for card in board.cards()} == {"w-1", "w-2"})
        press_on(page, "pause cam", " ")
        until(lambda: board.state == "paused" and not board.cards())
        expect(page.locator(".state")).to_have_text("paused")
        press_on(page, "go on with cam", " ")
        until(lambda: board.state == "live")
        press_on(page, f"Block {shirt}")
        until(lambda: "w-1" not in {card.product.id for card in board.cards()})
        assert json.loads((tmp_path / "blocked.json").read_text())["products"] == ["w-1"]
        press_on(page, "allow product w-1")
        until(lambda: json.loads((tmp_path / "blocked.json").read_text())["products"] == [])


def test_the_dashboard_says_when_the_server_is_gone(page: Page) -> None:
    hub = make_hub()
    with serving(hub) as server:
        page.goto(f"{server.url}/?token={TOKEN}")
        expect(page.get_by_role("heading", name="cam")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("does not answer")
    with serving(hub, server.port):
        expect(page.get_by_role("status")).to_have_text("")


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_asworn_live_shows_what_is_worn(page: Page, demo_run: Path, tmp_path: Path) -> None:
    """The whole way: the drawn clip, models, catalogue, server, browser."""
    worn = {row["product_id"] for row in rows_of(demo_run / "seen.csv")}
    shop = {row["id"]: row["title"] for row in rows_of(demo_run / "shop/products.csv")}
    args = ["live", str(demo_run / "clip.mp4"), "--loop", "--catalog", str(demo_run / "catalog"), "--overlay-port", "0"]
    args += ["--pictures", str(demo_run / "shop"), "--out", str(tmp_path / "run")]
    env = {**os.environ, "ASWORN_TOKEN": TOKEN, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "matcher", *args], stdout=subprocess.PIPE, text=True, env=env, bufsize=1
    ) as run:
        try:
            assert run.stdout is not None
            lines = [run.stdout.readline() for _ in range(2)]
            address = lines[1].split("overlay for OBS: ")[1].strip()
            page.goto(address)
            seen: set[str] = set()
            deadline = time.monotonic() + 60
            while len(seen) < 2 and time.monotonic() < deadline:
                seen |= set(titles(page))
                page.wait_for_timeout(100)
            assert len(seen) >= 2 and seen <= {shop[one] for one in worn}
            expect(page.locator(f"{HERE} img.photo").first).to_be_visible()
        finally:
            run.send_signal(signal.SIGTERM)
        assert run.wait(60) == 0
    assert (tmp_path / "run/run.json").exists()


@pytest.mark.parametrize("path", ["/", "/overlay/settings"])
@pytest.mark.parametrize("width", [390, 1280])
def test_pages_are_for_everybody(browser: Browser, path: str, width: int) -> None:
    """No serious finding of axe, in the light and in the dark, and nothing wider than a phone."""
    hub = make_hub()
    with serving(hub) as server, Actor(hub.board()):
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
            page = context.new_page()
            page.goto(f"{server.url}{path}?token={TOKEN}")
            page.locator("h2").first.wait_for()
            page.wait_for_timeout(500)
            # The preview is a picture of an overlay, not a page to be read.
            page.evaluate("document.getElementById('preview')?.remove()")
            assert serious(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            context.close()
