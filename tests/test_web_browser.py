"""The web app in a browser, as a person uses it: mouse, keyboard alone, phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.browser import chromium, drop, page_of, paste, serious, until
from tests.web_shop import SECRET, png, toy_server

PHONE = {"size": (390, 844), "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with toy_server(tmp_path_factory.mktemp("web")) as one:
        yield one


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as one:
        yield one


@pytest.fixture
def page(browser: Any, client: httpx.Client) -> Iterator[Any]:
    url = str(client.base_url)
    with page_of(browser, url) as one:
        one.goto(f"{url}/?token={SECRET}")
        yield one


def garments(page: Any) -> Any:
    page.wait_for_selector("path.garment", state="attached")
    return page.locator("path.garment")


def test_the_link_lets_in_and_the_token_leaves_the_address(page: Any) -> None:
    assert "token" not in page.url and SECRET not in page.content()
    assert page.locator("#main").get_attribute("data-may") == "yes"


def test_a_dropped_picture_is_clicked_to_its_product(page: Any) -> None:
    drop(page, "#drop", png())
    assert garments(page).count() == 3
    page.locator("path.garment[aria-label*='tops']").click()
    details = page.locator("#details")
    details.locator(".product").first.wait_for()
    text = details.inner_text()
    assert "This very product" in text and "A <b>tops</b>" in text and "1,299.00 EUR" in text and "Norr & Co" in text
    link = details.locator(".product a").first
    assert link.get_attribute("href") == "https://shop.example/tops?a=1&b=2"
    assert "noopener" in link.get_attribute("rel")
    assert details.locator(".crop img").count() == 2
    until(page, "[...document.querySelectorAll('#details .crop img')].every((one) => one.naturalWidth > 0)")
    until(page, "document.querySelector('.product img').naturalWidth > 0")
    assert page.locator("#garments h3").all_inner_texts() == ["Person 1", "Person 2"]


def test_hovering_lights_a_garment_both_ways(page: Any) -> None:
    drop(page, "#drop", png())
    pants = garments(page).and_(page.locator("[aria-label*='pants']"))
    pants.hover()
    assert "lit" in pants.get_attribute("class")
    page.locator("#garments button", has_text="tops").hover()
    assert "lit" in page.locator("path.garment[aria-label*='tops']").get_attribute("class")
    assert "lit" not in pants.get_attribute("class")


def test_a_pasted_picture_and_one_from_a_file_do_too(page: Any, tmp_path: Path) -> None:
    paste(page, png())
    assert garments(page).count() == 3
    page.get_by_role("button", name="Another picture").click()
    (tmp_path / "look.png").write_bytes(png())
    page.set_input_files("#file", tmp_path / "look.png")
    assert garments(page).count() == 3


def test_feedback_similar_products_and_saving(page: Any, client: httpx.Client) -> None:
    drop(page, "#drop", png())
    garments(page)
    page.locator("#garments button", has_text="tops").click()
    page.get_by_role("button", name="This is it: A <b>tops</b>").click()
    page.get_by_text("noted as right").wait_for()
    page.get_by_role("button", name="Similar products").click()
    page.locator(".many .product").first.wait_for()
    page.get_by_role("button", name="More like A <b>tops</b>").click()
    page.get_by_text("products like A <b>tops</b>").wait_for()
    page.get_by_role("button", name="Save cut-outs").click()
    page.get_by_text("7 files are in").wait_for()


def open_tops(page: Any) -> None:
    drop(page, "#drop", png())
    garments(page)
    page.locator("#garments button", has_text="tops").click()
    page.get_by_label("Price from (EUR)").wait_for()


def titles(page: Any, says: str) -> list[str]:
    page.locator("#details").get_by_text(says, exact=True).wait_for()
    return page.locator(".many h4").all_inner_texts()


def test_similar_products_are_narrowed_down_by_price_brand_and_stock(page: Any) -> None:
    open_tops(page)
    ask = page.get_by_role("button", name="Similar products")
    ask.click()
    assert len(titles(page, "4 similar products")) == 4
    page.get_by_label("In stock").check()
    ask.click()
    assert all(title.startswith("A <b>") for title in titles(page, "2 similar products"))
    page.get_by_label("Price up to (EUR)").fill("1298.99")
    page.keyboard.press("Enter")
    assert titles(page, "No similar products meet these conditions.") == []
    page.get_by_label("Price from (EUR)").fill("2000")
    page.keyboard.press("Enter")
    page.locator("#details").get_by_text("is above price_max").wait_for()
    page.get_by_role("button", name="Clear conditions").click()
    assert len(titles(page, "4 similar products")) == 4 and not page.get_by_label("In stock").is_checked()
    page.get_by_label("Brand").fill("sol")
    ask.click()
    assert all(title.startswith("Other") for title in titles(page, "2 similar products"))
    # What was chosen stays for the next garment, and holds for "more like this" too.
    page.locator("#garments button", has_text="pants").click()
    until(page, "document.querySelector('#details [name=brand]')?.value === 'sol'")
    page.get_by_role("button", name="Similar products").click()
    page.get_by_role("button", name="More like Other pants").click()
    assert titles(page, "No products like Other pants meet these conditions.") == []


def test_similar_products_are_narrowed_down_by_keyboard_alone(page: Any) -> None:
    open_tops(page)
    page.locator("#details").focus()
    names = []
    for _ in range(30):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.name || ''"))
        if names[-1] == "brand":
            page.keyboard.type("norr & co")
        if names[-1] == "in_stock":
            page.keyboard.press("Space")
            break
    assert [name for name in names if name] == ["price_min", "price_max", "brand", "in_stock"]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Similar products"
    page.keyboard.press("Enter")
    assert all(title.startswith("A <b>") for title in titles(page, "2 similar products"))
    group = page.get_by_role("group", name="Show only")
    assert group.get_by_role("checkbox", name="In stock").is_checked()
    assert page.get_by_role("status").last.inner_text() == "2 similar products"


def test_what_fails_is_said(page: Any) -> None:
    drop(page, "#drop", b"no picture", "a.png")
    page.get_by_text("not a picture that can be read").wait_for()
    page.get_by_role("button", name="Another picture").click()
    drop(page, "#drop", b"text", "a.txt", "text/plain")
    page.get_by_text("a.txt is no picture").wait_for()
    page.fill("#address", "http://127.0.0.1:9/a.png")
    page.press("#address", "Enter")
    page.get_by_text("not a public address").wait_for()


def test_keyboard_alone_finds_and_opens_a_garment(page: Any) -> None:
    drop(page, "#drop", png())
    garments(page)
    page.locator("#main").focus()
    page.keyboard.press("Tab")
    names = set()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight"):
        names.add(page.evaluate("document.activeElement.getAttribute('aria-label')"))
        page.keyboard.press(key)
    assert len(names) == 3 and all(names)
    page.keyboard.press("Enter")
    page.locator("#details .product").first.wait_for()
    assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
    for _ in range(20):  # on to the shop's link by Tab alone
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#details .product a')"):
            return
    pytest.fail("Tab does not lead to the product")


def test_on_a_phone_nothing_is_wider_than_the_screen(browser: Any, client: httpx.Client) -> None:
    url = str(client.base_url)
    with page_of(browser, url, **PHONE) as page:
        page.goto(f"{url}/?token={SECRET}")
        drop(page, "#drop", png())
        garments(page).first.wait_for(state="attached")
        page.locator("path.garment[aria-label*='pants']").tap()
        page.locator("#details .product").first.wait_for()
        for path in (None, "/videos", "/review", "/model", "/docs"):
            if path:
                page.goto(url + path)
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
        page.goto(url)
        heights = page.locator("a.button:visible, button:visible, label.button").evaluate_all(
            "(all) => all.map((one) => one.getBoundingClientRect().height)"
        )
        assert min(heights) >= 44


def test_readers_without_the_token_shop_but_write_nothing(browser: Any, client: httpx.Client) -> None:
    url = str(client.base_url)
    with page_of(browser, url) as page:
        page.goto(url)
        drop(page, "#drop", png())
        garments(page)
        page.locator("#garments button", has_text="pants").click()
        page.locator("#details .product").first.wait_for()
        assert page.get_by_role("button", name="Not this").count() == 0
        assert page.get_by_role("button", name="Save cut-outs").count() == 0
        page.goto(url + "/review")
        assert "needs the token" in page.inner_text("#main")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Any, client: httpx.Client, scheme: str) -> None:
    url = str(client.base_url)
    with page_of(browser, url, color_scheme=scheme) as page:
        page.goto(f"{url}/?token={SECRET}")
        assert serious(page) == []
        drop(page, "#drop", png())
        garments(page)
        page.locator("#garments button", has_text="tops").click()
        page.locator("#details .product").first.wait_for()
        assert serious(page) == []
        for path in ("/videos", "/review", "/model", "/docs"):
            page.goto(url + path)
            page.wait_for_load_state("networkidle") if path == "/model" else page.wait_for_timeout(200)
            assert serious(page) == [], path


def test_axe_finds_what_is_wrong(browser: Any) -> None:
    page = browser.new_page()
    page.set_content("<img src='data:,'><button></button>")
    assert any(found.startswith("image-alt") for found in serious(page))
    page.close()
