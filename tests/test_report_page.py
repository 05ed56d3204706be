"""report.html used as a person does: looked through, filtered, opened, by mouse and by keys, and printed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from benchmarks.long_film import long_film
from benchmarks.report_page import report_page
from matcher.attributes.describe import Attributes
from matcher.sinks.html import render_report
from matcher.types import SIMILAR, Product
from tests.browser import serious
from tests.test_sinks_report import ATTACK, EVIL, SHIRT, facts, sighting

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
TROUSERS = Product("trousers", "Navy trousers", "pants", brand="Kestrel")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    play = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").sync_playwright().start()
    opened = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    yield opened
    opened.close()
    play.stop()


@pytest.fixture()
def tab(browser: Any) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("dialog", lambda dialog: page.complaints.append(dialog.message))
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    yield page
    assert page.complaints == []
    assert all(url.startswith(("file:", "blob:", "data:")) for url in page.asked)
    page.close()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of three products, two outfits and two shots."""
    red = Attributes(("red",), (0.8,), "striped", details=("v-neck", "a-line"))
    navy = Attributes(("navy",), (0.9,), "plain", details=("v-neck",))
    seen = [
        replace(sighting(), attributes=red, outfits=(1,)),
        replace(sighting(TROUSERS, 1, 4, SIMILAR), attributes=navy, outfits=(1,)),
        replace(sighting(EVIL, 6, 9, shot=2), outfits=(2,)),
    ]
    path = tmp_path_factory.mktemp("page") / "report.html"
    film = replace(facts(name=ATTACK), shots=((1, Fraction(0)), (2, Fraction(5))))
    path.write_text(render_report(seen, film), "utf-8")
    return path


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of a two-hour film with 500 products."""
    path = tmp_path_factory.mktemp("long") / "report.html"
    path.write_text(render_report(*long_film(pictures=20)), "utf-8")
    return path


def names(tab: Any) -> list[str]:
    return tab.locator(".row .title").all_inner_texts()


def test_products_are_shown_and_the_shops_texts_do_nothing(tab: Any, small: Path) -> None:
    tab.goto(small.as_uri())
    assert sorted(names(tab)) == sorted([SHIRT.title, TROUSERS.title, ATTACK])
    assert tab.locator("h1").inner_text() == ATTACK
    tab.get_by_text(ATTACK).last.click()
    assert tab.locator("#panel a").count() == 0, "javascript: is no link"
    assert tab.locator("#panel img").count() == 1


def test_filters(tab: Any, small: Path) -> None:
    tab.goto(small.as_uri())
    tab.select_option("#colour", "navy")
    assert names(tab) == ["Navy trousers"]
    tab.select_option("#colour", "")
    tab.select_option("#pattern", "striped")
    assert names(tab) == [SHIRT.title]
    tab.select_option("#pattern", "")
    tab.get_by_label("Attribute").select_option("a-line")
    assert names(tab) == [SHIRT.title]
    tab.select_option("#detail", "v-neck")
    assert len(names(tab)) == 2
    tab.select_option("#detail", "")
    tab.select_option("#tier", "similar")
    assert names(tab) == ["Navy trousers"]
    tab.select_option("#tier", "")
    tab.fill("#search", "kestrel PANTS")
    assert names(tab) == ["Navy trousers"]
    tab.fill("#search", "nothing like it")
    assert names(tab) == [] and tab.locator("#empty").is_visible()


def test_where_no_attribute_is_known_none_is_asked_for(tab: Any, long: Path) -> None:
    tab.goto(long.as_uri())
    assert tab.locator("#pattern").is_visible() and not tab.locator("#detail").is_visible()


def test_worn_together_and_shots_and_their_filters(tab: Any, small: Path) -> None:
    tab.goto(small.as_uri())
    tab.click("text=Worn together")
    assert names(tab) == ["Outfit 1", "Outfit 2"] and tab.locator("#how").is_visible()
    tab.click(".row >> nth=0")
    assert tab.locator("#panel h3").all_inner_texts() == [SHIRT.title, "Navy trousers"]
    tab.keyboard.press("Escape")
    tab.click("[data-view=shots]")
    tab.select_option("#type", "tops")
    assert names(tab) == ["Shot 1: 10:00:00:00"]


def test_everything_by_keys(tab: Any, small: Path) -> None:
    tab.goto(small.as_uri())
    tab.keyboard.press("j")
    tab.keyboard.press("ArrowDown")
    focused = tab.evaluate("document.activeElement.querySelector('.title').textContent")
    tab.keyboard.press("Enter")
    assert tab.locator("#panel h2").inner_text() == focused
    assert tab.evaluate("document.activeElement.id") == "panel-close"
    tab.keyboard.press("Escape")
    assert tab.locator("#panel").is_hidden()
    assert tab.evaluate("document.activeElement.querySelector('.title').textContent") == focused
    tab.keyboard.press("/")
    tab.keyboard.type("navy")
    assert names(tab) == ["Navy trousers"]
    tab.locator("#search").blur()
    tab.keyboard.press("2")
    assert names(tab) == ["Outfit 1"]
    tab.keyboard.press("?")
    assert tab.locator("#help").is_visible()


def test_the_link_leads_to_the_shop_alone(tab: Any, small: Path) -> None:
    tab.goto(small.as_uri())
    tab.get_by_text(SHIRT.title).click()
    link = tab.locator("#panel a")
    assert link.get_attribute("href") == SHIRT.link and "noopener" in link.get_attribute("rel")
    assert link.get_attribute("target") == "_blank"


def test_zoom_shows_a_part_of_the_film(tab: Any, small: Path) -> None:
    tab.goto(small.as_uri())
    before = tab.locator("#axis span").all_inner_texts()
    for _ in range(2):
        tab.keyboard.press("+")
    assert tab.locator("svg").first.get_attribute("viewBox") == "3750 0 2500 20"
    assert tab.locator("#axis span").all_inner_texts() != before
    tab.keyboard.press("0")
    assert tab.locator("#axis span").all_inner_texts() == before


def test_a_long_film_has_few_rows_in_the_page_and_all_on_paper(tab: Any, long: Path) -> None:
    assert long.stat().st_size <= 15_000_000
    tab.goto(long.as_uri())
    assert "500 of 500" in tab.locator("#count").inner_text()
    assert tab.locator(".row").count() < 40
    tab.keyboard.press("End")
    tab.wait_for_selector(".row[aria-posinset='500']")
    assert tab.locator(".row").count() < 40
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.locator(".row").count() == 500
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tab.locator(".row").count() < 40


def test_at_telephone_width_nothing_sticks_out(tab: Any, small: Path) -> None:
    tab.set_viewport_size({"width": 390, "height": 800})
    tab.goto(small.as_uri())
    for key in "123":
        tab.keyboard.press(key)
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390


def test_it_can_be_used_without_seeing_it(tab: Any, small: Path) -> None:
    tab.goto(small.as_uri())
    for key in "123":
        tab.keyboard.press(key)
        assert serious(tab) == []
    tab.keyboard.press("j")
    tab.keyboard.press("Enter")
    assert tab.locator("#panel").is_visible() and serious(tab) == []


def test_the_benchmark_measures_every_view(tmp_path: Path) -> None:
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    # In a thread of its own: the browser of the other tests is driven by this one.
    with ThreadPoolExecutor(1) as other:
        result = other.submit(report_page, tmp_path, products=22, hours=0.1, seconds=0.3).result()
    assert result["products"] == 22 and result["megabytes"] > 0.02 and (tmp_path / "report.html").is_file()
    assert set(result["views"]) == {"products", "people", "shots"}
    assert all(view["fps"] > 0 and view["rows_at_once"] > 0 for view in result["views"].values())
