"""How large report.html of a long film is, how fast it opens, and how smoothly it scrolls in a real browser."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.browser import chromium
from benchmarks.long_film import long_film
from matcher.sinks.html import render_report

PACE = 5000  # pixels a second: six screens of rows
VIEWPORT = {"width": 1280, "height": 900}
# Scrolls a little with every picture that the browser shows, and notes when it showed it.
SCROLL = """async ([seconds, pace]) => {
  const height = document.documentElement.scrollHeight - innerHeight, end = Math.min(height, seconds * pace);
  const times = [], begin = performance.now();
  scrollTo(0, 0);
  await new Promise((done) => {
    const step = (now) => {
      times.push(now);
      const at = (performance.now() - begin) / 1000 * pace;
      scrollTo(0, Math.min(at, end));
      if (at < end) requestAnimationFrame(step); else done();
    };
    requestAnimationFrame(step);
  });
  return { times, rows: document.querySelectorAll(".row").length, height };
}"""


def report_page(folder: Path, products: int = 500, hours: float = 2, seconds: float = 6) -> dict[str, Any]:
    """Make the page and look at it.

    Args:
        folder: gets the page.
        products: in the film.
        hours: its length.
        seconds: of scrolling in each view, at most.

    Raises:
        BackendError: playwright or chromium is not installed.
    """
    sightings, facts = long_film(products, hours)
    start = time.perf_counter()
    page = folder / "report.html"
    page.write_text(render_report(sightings, facts), "utf-8")
    made_s = time.perf_counter() - start
    result = {
        "products": products,
        "appearances": len(sightings),
        "shots": len(facts.shots),
        "made_s": round(made_s, 2),
    }
    return {**result, "megabytes": round(page.stat().st_size / 1e6, 2), **look(page, seconds)}


def look(page: Path, seconds: float = 6) -> dict[str, Any]:
    """Open a report in headless Chromium: seconds to open, and frames per second while each view scrolls.

    Raises:
        BackendError: playwright or chromium is not installed.
    """
    with chromium() as browser:
        tab = browser.new_page(viewport=VIEWPORT)
        start = time.perf_counter()
        tab.goto(page.absolute().as_uri())
        tab.wait_for_selector(".row")
        opened = time.perf_counter() - start
        # Ticks of the page's own thread: unlike the frame rate, they do not depend on what else the machine does.
        inside = tab.context.new_cdp_session(tab)
        inside.send("Performance.enable", {"timeDomain": "threadTicks"})
        views = {}
        for key, name in (("1", "products"), ("2", "people"), ("3", "shots")):
            tab.keyboard.press(key)
            before = _busy_s(inside)
            view = _smoothness(tab.evaluate(SCROLL, [seconds, PACE]))
            views[name] = {**view, "thread_ms": round(1000 * (_busy_s(inside) - before) / view["frames"], 2)}
    return {"open_s": round(opened, 2), "views": views}


def _busy_s(inside: Any) -> float:
    """Processor seconds that the page's thread has worked."""
    metrics = inside.send("Performance.getMetrics")["metrics"]
    return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")


def _smoothness(found: dict[str, Any]) -> dict[str, float]:
    gaps = np.diff(found["times"])
    return {
        "frames": len(gaps),
        "fps": round(1000 * len(gaps) / float(gaps.sum()), 1),
        "p95_ms": round(float(np.percentile(gaps, 95)), 1),
        "worst_ms": round(float(gaps.max()), 1),
        "rows_at_once": found["rows"],
        "of_px": found["height"],
    }
