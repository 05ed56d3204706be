"""A headless Chromium for tests, as a person has one; skips where there is none."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

_DROP = """([text, name, kind]) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], name, { type: kind }));
    return data;
}"""


@contextmanager
def chromium() -> Iterator[Any]:
    """A running browser."""
    driver = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed")
    with driver.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_of(browser: Any, url: str, size: tuple[int, int] = (1280, 900), **how: Any) -> Iterator[Any]:
    """A page of its own; errors in its scripts, and requests to any other origin, fail the test."""
    wrong: list[str] = []
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, **how)
    page = context.new_page()
    page.set_default_timeout(90_000)
    page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
    page.on("request", lambda one: wrong.append(f"foreign: {one.url}") if not _is_own(one.url, url) else None)
    page.on("console", lambda one: wrong.append(f"policy: {one.text}") if "Content Security" in one.text else None)
    try:
        yield page
    finally:
        context.close()
    assert not wrong


def _is_own(address: str, url: str) -> bool:
    return address.startswith((url.rstrip("/") + "/", "data:", "blob:"))


def drop(page: Any, selector: str, data: bytes, name: str = "look.png", kind: str = "image/png") -> None:
    """Drop a file onto an element, as from the desktop."""
    transfer = page.evaluate_handle(_DROP, [base64.b64encode(data).decode(), name, kind])
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event(selector, event, {"dataTransfer": transfer})


def paste(page: Any, data: bytes, name: str = "look.png", kind: str = "image/png") -> None:
    """Paste a file."""
    transfer = page.evaluate_handle(_DROP, [base64.b64encode(data).decode(), name, kind])
    event = "new ClipboardEvent('paste', { clipboardData: data, bubbles: true })"
    page.evaluate(f"(data) => document.dispatchEvent({event})", transfer)


def serious(page: Any) -> list[str]:
    """What axe finds that is serious or critical, in words."""
    axe = pytest.importorskip("axe_core_python.sync_playwright", reason="axe-core-python is not installed")
    found = axe.Axe().run(page)["violations"]
    return [
        f"{one['id']}: {one['help']} at {one['nodes'][0]['target']}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def until(page: Any, expression: str) -> None:
    """Wait until an expression of the page is true; Playwright's own waiting needs `eval`, which our policy forbids."""
    for _ in range(900):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"never true: {expression}")
