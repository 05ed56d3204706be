"""`asworn data check|stats`: what a data set holds, and what is broken in it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from matcher.errors import InputError
from training.evaluation.output import print_table, progress, write_json

app = typer.Typer(help="Look through a public data set: check, stats.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="SET", help="deepfashion2, street2shop, fashionpedia, coco, folders, ...")]
Root = Annotated[Path, typer.Argument(metavar="ROOT", help="The folder that it was unpacked in.")]
Split = Annotated[str, typer.Option("--split", help="train, validation or test; all that are there when empty.")]
TaxonomyFile = Annotated[Path | None, typer.Option("--taxonomy", help="TOML file: categories to types.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Also write everything to this JSON file.")]

_SHOWN = 20  # problems that are printed; all are in the JSON file


@app.command()
def check(
    name: Name,
    root: Root,
    split: Split = "",
    quick: Annotated[bool, typer.Option("--quick", help="Look at headers of pictures only, decode nothing.")] = False,
    taxonomy: TaxonomyFile = None,
    json_file: JsonFile = None,
) -> None:
    """Read every label and picture; print what is there, and what is broken with file and reason."""
    from training.datasets.check import HEADERS, PIXELS

    result, problems = _look(name, root, split, taxonomy, HEADERS if quick else PIXELS)
    _print(name, result["splits"])
    for problem in problems[:_SHOWN]:
        typer.echo(problem)
    if len(problems) > _SHOWN:
        where = f"all are in {json_file}" if json_file else "--json FILE writes all"
        typer.echo(f"... and {result['broken'] - _SHOWN} more; {where}")
    typer.echo(f"{result['broken']} broken" if result["broken"] else "nothing is broken")
    _write(json_file, result)


@app.command()
def stats(
    name: Name,
    root: Root,
    split: Split = "",
    taxonomy: TaxonomyFile = None,
    json_file: JsonFile = None,
) -> None:
    """Print what the labels hold, without looking into the pictures."""
    result, _ = _look(name, root, split, taxonomy, "")
    _print(name, result["splits"])
    if result["broken"]:
        typer.echo(f"{result['broken']} labels cannot be used; asworn data check {name} {root} lists them")
    _write(json_file, result)


def _look(name: str, root: Path, split: str, taxonomy: Path | None, depth: str) -> tuple[dict[str, Any], list[str]]:
    from training.datasets.check import look_through
    from training.datasets.registry import open_set
    from training.datasets.report import Report

    data, report = open_set(name, root, taxonomy), Report()
    if split and split not in data.splits:
        raise InputError(f"{root} has no split {split!r}; there are {', '.join(data.splits)}")
    found = look_through(data, (split,) if split else data.splits, depth, report, progress)
    lines = [str(problem) for problem in report.problems]
    result = {
        "set": name,
        "splits": found,
        "broken": report.count,
        "reasons": dict(_common(report.reasons)),
        "problems": [{"file": p.file, "reason": p.reason} for p in report.problems],
    }
    return result, lines


def _common(reasons: Counter[str]) -> list[tuple[str, int]]:
    return reasons.most_common(100)


def _print(name: str, splits: dict[str, Any]) -> None:
    rows = ("pictures", "garments", "products", "boxes", "masks", "landmarks", "with_attributes", "no_type")
    table = [(row.replace("_", " "), *(counts[row] for counts in splits.values())) for row in rows]
    roles = sorted({role for counts in splits.values() for role in counts["roles"]})
    table += [(f"from {role}", *(c["roles"].get(role, 0) for c in splits.values())) for role in roles]
    types = dict.fromkeys(kind for counts in splits.values() for kind in counts["types"])
    table += [(kind, *(c["types"].get(kind, 0) for c in splits.values())) for kind in types]
    print_table(name, ("", *splits), table)


def _write(json_file: Path | None, result: dict[str, Any]) -> None:
    if json_file is not None:
        write_json(json_file, result)
