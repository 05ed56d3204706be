"""`asworn doctor`: what is installed here, what works, and how fast it is."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from matcher.cli.checks import BundleReport, check_bundle, check_clashes, check_programs, check_runtimes, time_frame
from matcher.cli.options import BackendOption, BundleOption, DeviceOption, ThreadsOption
from matcher.cli.output import out
from matcher.sinks.run_json import versions
from matcher.stages.models import Runtime


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    bundle: BundleOption = None,
    threads: ThreadsOption = 0,
    backend: BackendOption = "onnxruntime",
    device: DeviceOption = "cpu",
) -> None:
    """Say what is installed here, which backends work, where the weights are, and how fast one frame is.

    Exit status 1 if something that `asworn match` needs does not work.
    """
    report = examine(bundle, Runtime(backend, device, threads))
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        out.print(_table(report))
    if report["problems"]:
        raise typer.Exit(1)


def examine(bundle: str | None = None, runtime: Runtime | None = None) -> dict[str, Any]:
    """All findings, as printed by --json; `problems` lists what must be mended."""
    runtime = runtime or Runtime()
    weights: BundleReport = check_bundle(bundle, runtime)
    runtimes, clashes = check_runtimes(), check_clashes()
    report: dict[str, Any] = {
        "versions": versions(),
        "backends": runtimes,
        "bundle": weights.facts,
        "programs": check_programs(),
        "frame_ms": time_frame(weights.bundle, runtime) if weights.bundle is not None else None,
    }
    broken = [f"{name}: {state['problem']}" for name, state in runtimes.items() if state["problem"]]
    report["problems"] = [*clashes, *weights.problems, *broken]
    return report


def _table(report: dict[str, Any]) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    rows = {"versions": ", ".join(f"{name} {version}" for name, version in report["versions"].items())}
    for name, state in report["backends"].items():
        rows[f"backend {name}"] = state["problem"] or ", ".join(state["devices"])
    rows |= {f"bundle {name}": str(value) for name, value in report["bundle"].items()}
    rows |= {name: where or "not found" for name, where in report["programs"].items()}
    if report["frame_ms"] is not None:
        rows["one frame"] = ", ".join(f"{name} {value:.1f} ms" for name, value in report["frame_ms"].items())
    for name, text in rows.items():
        table.add_row(f"[bold]{escape(name)}[/bold]", escape(text))
    for problem in report["problems"]:
        table.add_row("[red]problem[/red]", escape(problem))
    if not report["problems"]:
        table.add_row("[green]all well[/green]", "")
    return table
