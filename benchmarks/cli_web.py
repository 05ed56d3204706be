"""`asworn bench drop|api`: how quick the web app is, and whether made-up requests break it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from typing import Annotated

import numpy as np
import typer

from training.evaluation.output import print_table, progress

Bundle = Annotated[str | None, typer.Option("--bundle", help="Weights: a folder, or a packaged name.")]
Threads = Annotated[int, typer.Option("--threads", min=1, help="Threads of each model.")]
Work = Annotated[Path | None, typer.Option("--work", help="Folder that keeps the drawn shop for the next run.")]
Results = Annotated[Path | None, typer.Option("--results", help="Folder for the JSON file; none is written without.")]


def drop_command(
    rounds: Annotated[int, typer.Option(min=3, help="Pictures dropped.")] = 40,
    bundle: Bundle = None,
    threads: Threads = 2,
    work: Work = None,
    results: Results = None,
) -> None:
    """Milliseconds from dropping a picture (1280x720) onto the page to outlines on the screen, in Chromium."""
    from benchmarks.dropping import drop_times
    from benchmarks.web_app import drawn_app
    from matcher.web.server import Serving

    with _place(work) as folder, drawn_app(folder, bundle, threads) as shown, Serving(shown.app) as server:
        steps = iter(progress(range(rounds), "pictures"))
        times, counts = drop_times(server.url, shown.pictures, rounds, lambda: next(steps, None))
        finder, spent = shown.app.state.app.finder, process_time()
        server_ms = [finder.find(path.read_bytes()).ms for path in shown.pictures]
        cpu_ms = 1e3 * (process_time() - spent) / len(shown.pictures)
    quantiles = {f"p{q}": round(float(np.percentile(times, q)), 1) for q in (50, 95)}
    rows = [("dropped to shown", *(f"{value:.0f}" for value in quantiles.values()))]
    rows.append(("the models alone, after it", f"{np.median(server_ms):.0f}", f"{np.percentile(server_ms, 95):.0f}"))
    rows.append(("processor time of that", f"{cpu_ms:.0f}", ""))
    typer.echo(f"{rounds} pictures of 1280x720, {np.mean(counts):.1f} garments each, {threads} threads")
    print_table("Milliseconds", ("", "p50", "p95"), rows)
    found = {
        "ms": quantiles,
        "server_ms": round(float(np.median(server_ms)), 1),
        "cpu_ms": round(cpu_ms, 1),
        "garments": float(np.mean(counts)),
    }
    _save("drop", {"rounds": rounds, "threads": threads, **found}, results)


def api_command(
    cases: Annotated[int, typer.Option(min=10, help="Requests.")] = 2000,
    seed: Annotated[int, typer.Option(help="Other seeds make other requests.")] = 1,
    bundle: Bundle = None,
    threads: Threads = 1,
    work: Work = None,
    results: Results = None,
) -> None:
    """Send made-up requests to every operation of the API (schemathesis) and count server errors."""
    from benchmarks.api_fuzz import Known, fuzz
    from benchmarks.web_app import SECRET, drawn_app

    with _place(work) as folder, drawn_app(folder, bundle, threads, 1) as shown:
        state, picture = shown.app.state.app, shown.pictures[0].read_bytes()
        look = state.finder.find(picture)
        ids = {"look_id": look.id, "number": "0", "id": state.finder.pipeline.catalog.product(0).id}
        known = Known(ids, {"/api/looks": picture, "/api/stills": picture})
        steps = iter(progress(range(cases), "requests"))
        found = fuzz(shown.app, cases, SECRET, known, seed, lambda: next(steps, None))
    statuses = ", ".join(f"{number}x {status}" for status, number in sorted(found.statuses.items()))
    told = f"{found.cases} requests to {found.operations} operations: {found.server_errors} server errors"
    typer.echo(f"{told}, {len(found.off_schema)} answers not as described; {statuses}")
    for line in (*found.errors, *found.off_schema):
        typer.echo(line)
    figures = {"cases": found.cases, "operations": found.operations, "server_errors": found.server_errors}
    _save("api", {**figures, "seed": seed, "statuses": dict(sorted(found.statuses.items()))}, results)


@contextmanager
def _place(work: Path | None) -> Iterator[Path]:
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
        yield work
        return
    with tempfile.TemporaryDirectory(prefix="asworn-web-") as folder:
        yield Path(folder)


def _save(name: str, result: dict, results: Path | None) -> None:
    if results is not None:
        from benchmarks.environment import save

        save(name, result, results)
