"""`asworn match-many`: a folder of films, each matched once."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from indexer.films.library import Film, FilmSettings, find_films
from indexer.films.work import Outcome, match_here, match_on_cluster
from matcher.catalog.lock import WriterLock
from matcher.cli.models import ModelOptions, with_models
from matcher.cli.options import BudgetOption, DecodeOption, ExportOption, FpsTargetOption
from matcher.cli.output import err, out
from matcher.errors import InputError, MediaError
from matcher.exports.registry import export_names
from matcher.runner import Progress as Step

_LOCK = ".lock"


@with_models("file.toml")
def match_many(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of films; those in folders below too.")],
    catalog: Annotated[Path, typer.Option("--catalog", help="The shop's catalogue.")],
    target: Annotated[Path, typer.Option("--out", help="Folder for the results: one below it for each film.")],
    export: ExportOption = "",
    models: ModelOptions = ModelOptions(),
    fps_target: FpsTargetOption = 0,
    budget_ms: BudgetOption = 0,
    decode: DecodeOption = "cpu",
    distributed: Annotated[bool, typer.Option("--distributed", help="Match the films on a Ray cluster.")] = False,
    address: Annotated[str, typer.Option(help="Of the Ray cluster; else RAY_ADDRESS, else one of this machine.")] = "",
    workers: Annotated[int, typer.Option(min=0, help="Of a cluster: processes with the models; 0 = all cores.")] = 0,
) -> None:
    """Match every film of a folder. What is done with the same film, settings and catalogue is not done again.

    Each film has a folder of its own with the files of asworn match; a film that cannot be matched is named at the end.
    """
    if (address or workers) and not distributed:
        raise InputError("--address and --workers are of a cluster; add --distributed")
    threads, bundle = (models.threads or 1) if distributed else models.threads, models.bundle
    weights = str(Path(bundle).absolute()) if bundle and Path(bundle).exists() else bundle
    chosen = asdict(replace(models, threads=threads, bundle=weights))
    how = {"fps_target": fps_target, "budget_ms": budget_ms, "decode": decode, "exports": export_names(export)}
    settings = FilmSettings(catalog=str(catalog.absolute()), **chosen, **how)
    target.mkdir(parents=True, exist_ok=True)
    lock = WriterLock(target / _LOCK)
    try:
        films = find_films(folder.absolute(), target.absolute(), settings)
        left = [film for film in films if not film.done]
        out.print(f"{len(films)} films, {len(films) - len(left)} of them done already")
        spread = (address, workers, max(threads, 1)) if distributed else None
        outcomes = _match(left, settings, spread, folder.absolute())
    finally:
        lock.release()
    _tell(outcomes, target)


def _match(
    films: list[Film], settings: FilmSettings, spread: tuple[str, int, int] | None, folder: Path
) -> list[Outcome]:
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} films,")
    said = TextColumn("{task.fields[now]}"), TimeElapsedColumn()
    with Progress(*columns, *said, console=err, transient=True, refresh_per_second=2) as bar:
        task = bar.add_task("matching", total=len(films), now="")
        show = partial(_show, bar, task)
        done = match_on_cluster(films, settings, *spread) if spread else match_here(films, settings, show)
        outcomes = []
        for outcome in done:
            outcomes.append(outcome)
            name = escape(str(outcome.path.relative_to(folder)))
            words = (
                escape(outcome.error)
                or f"{outcome.frames} frames in {outcome.seconds:.1f} s, {outcome.products} products"
            )
            bar.console.print(f"{name}: {words}", soft_wrap=True)
            bar.advance(task)
    return outcomes


def _show(bar: Progress, task: int, step: Step) -> None:
    bar.update(task, now=f"at {step.time_s:.0f} s, {step.rate:.1f} frames a second")


def _tell(outcomes: list[Outcome], target: Path) -> None:
    failed = [outcome for outcome in outcomes if outcome.error]
    out.print(f"{len(outcomes) - len(failed)} films matched, {len(failed)} failed; results: {escape(str(target))}")
    if failed:
        names = ", ".join(outcome.path.name for outcome in failed[:5]) + (", ..." if len(failed) > 5 else "")
        raise MediaError(f"{len(failed)} films could not be matched: {names}; the same command tries them again")
