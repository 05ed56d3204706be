"""How long it takes from dropping a picture onto the page to its garments' outlines being on the screen."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.browser import chromium

# The clock starts with the event; the frame after the one in which the outlines are added has been painted.
_DROP = """([text]) => new Promise((done) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], "look.jpg", { type: "image/jpeg" }));
    const place = document.getElementById("picture");
    place.replaceChildren();
    const start = performance.now();
    const watch = new MutationObserver(() => {
        if (!place.querySelector("svg")) return;
        watch.disconnect();
        requestAnimationFrame(() => setTimeout(() => done(performance.now() - start), 0));
    });
    watch.observe(place, { childList: true });
    document.getElementById("drop").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
})"""


def drop_times(
    url: str, pictures: Sequence[Path], rounds: int, step: Callable[[], None] = lambda: None
) -> tuple[list[float], list[int]]:
    """Drop pictures onto the page of a running server in headless Chromium.

    Args:
        url: of the page.
        pictures: files, dropped in turn.
        rounds: how many drops are timed; three more before them are not.
        step: called after each.

    Returns:
        Milliseconds of each drop, and how many garments each showed.

    Raises:
        BackendError: Playwright or Chromium is not installed.
    """
    texts = [base64.b64encode(path.read_bytes()).decode() for path in pictures]
    times, counts = [], []
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(url)
        for number in range(-3, rounds):
            took = page.evaluate(_DROP, [texts[number % len(texts)]])
            if number >= 0:
                times.append(float(took))
                counts.append(page.locator("path.garment").count())
                step()
    return times, counts
