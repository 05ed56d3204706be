"""`asworn bench lookup`: the top-2-type filter against other ways of looking products up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from training.evaluation.output import percent, print_table

Results = Annotated[Path | None, typer.Option("--results", help="Folder for the JSON file; none is written without.")]


def lookup_command(
    size: Annotated[list[int] | None, typer.Option(min=1000, help="Vectors; may be given again.")] = None,
    dimension: Annotated[list[int] | None, typer.Option(min=8, help="Their length; may be given again.")] = None,
    queries: Annotated[int, typer.Option(min=5, help="Asked one at a time.")] = 100,
    threads: Annotated[int, typer.Option(min=1, help="Threads of FAISS for building; searches have one.")] = 2,
    hnsw_up_to: Annotated[
        int, typer.Option(help="Vectors up to which HNSW takes part; it is slow to build.")
    ] = 100_000,
    ivf_flat_up_to: Annotated[int, typer.Option(help="The same of ivf-flat.")] = 100_000,
    ivf_pq_up_to: Annotated[int, typer.Option(help="The same of ivf-pq.")] = 1_000_000,
    single_up_to: Annotated[int, typer.Option(help="The same of one index of all types with a selector.")] = 100_000,
    milvus_up_to: Annotated[int, typer.Option(help="The same of Milvus Lite.")] = 100_000,
    plot: Annotated[Path | None, typer.Option(help="Picture of our kinds as shops grow; extra [bench].")] = None,
    results: Results = None,
) -> None:
    """Latency and recall@10 of searching the two likeliest types, which hold 40 % of the products, in made-up shops."""
    from benchmarks.lookup import lookup_at
    from benchmarks.lookup_data import LARGE, LARGE_SHARE
    from benchmarks.lookup_entrants import Limits

    limits = Limits(hnsw_up_to, milvus_up_to, ivf_flat_up_to, ivf_pq_up_to, single_up_to)
    runs: list[dict[str, Any]] = []
    result = {"queries": queries, "threads": threads, "asked": {"types": LARGE, "share": LARGE_SHARE}, "runs": runs}
    for length in dimension or (128, 256):
        for count in size or (10_000, 100_000, 1_000_000):
            runs.append(lookup_at(count, length, queries, limits, threads))
            _show(runs[-1])
            if results is not None:  # after each shop: the large ones take long
                from benchmarks.environment import save

                typer.echo(f"written: {save('lookup', result, results)}")
    if plot is not None:
        from benchmarks.lookup_plot import plot as draw

        draw(result, plot)


def _show(run: dict[str, Any]) -> None:
    rows = [
        (name, f"{one['p50']:.2f}", f"{one['p95']:.2f}", f"{one['ratio']:.2f}", str(one["ratio_cpu"] or "-"))
        + (percent(one["recall@10"]), percent(one["useful@10"]), f"{one['build_s']:.0f}")
        for name, one in run["entrants"].items()
    ]
    heads = ("", "p50 ms", "p95 ms", "speed", "by processor time", "recall@10", "of the two types", "build s")
    print_table(f"{run['vectors']} vectors of {run['dimension']}", heads, rows)
    for name, reason in run["left_out"].items():
        typer.echo(f"{name}: {reason}")
