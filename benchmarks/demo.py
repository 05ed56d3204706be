"""`asworn demo`: a drawn shop and clip, indexed and matched as a user would, and judged against the exact truth."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks.showcase import Showcase, make_showcase
from indexer.cli import index
from matcher.cli.match import match
from matcher.errors import InputError
from matcher.types import TIERS
from training.evaluation.output import percent, print_table, progress, write_json
from training.evaluation.video_eval import read_moments
from training.evaluation.video_score import flicker, score_video
from training.evaluation.video_truth import load_truth

MARK = "demo.json"
SIZE = (1280, 720)
say = partial(Console(highlight=False, markup=False).print, soft_wrap=True)


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for everything that is made.")] = Path("demo"),
    seconds: Annotated[float, typer.Option(min=2, max=120, help="Length of the clip.")] = 14,
    per_type: Annotated[int, typer.Option(min=2, max=200, help="Products of each of the 11 types in the shop.")] = 5,
    seed: Annotated[int, typer.Option(help="Another seed draws another shop and clip.")] = 1,
    bundle: Annotated[str | None, typer.Option("--bundle", help="Weights: a folder, or a packaged name.")] = None,
) -> None:
    """Make a sample shop and clip, index, match, and write every output. Needs no download and no data."""
    refuse_foreign(out)
    say(f"1/4 drawing a shop of {11 * per_type} products and a clip of {seconds:g} s")
    showcase = make_showcase(out, seed, per_type, SIZE, seconds, progress)
    say("2/4 indexing the shop: asworn index " + str(showcase.feed))
    index(showcase.feed, out=out / "catalog", bundle=bundle)
    say("3/4 matching the clip: asworn match " + str(showcase.video))
    match(str(showcase.video), out / "match", catalog=out / "catalog", overlay=True, bundle=bundle)
    say("4/4 comparing with the truth")
    result = judge(showcase, out / "match" / "frames.jsonl")
    write_json(out / MARK, result)
    show(showcase, result)
    _where_to_look(out)


def judge(showcase: Showcase, frames: Path) -> dict[str, Any]:
    """Score a finished run against the drawn clip's truth, which lists all that is seen.

    Args:
        showcase: the shop and the truth.
        frames: frames.jsonl of the run.

    Returns:
        As `score_video`, with "flicker": changes of the shown product per track minute.
    """
    moments, truth, seen = read_moments(frames), load_truth(showcase.truth), load_truth(showcase.seen)
    return {**score_video(truth, moments, complete=True, seen=seen), "flicker": flicker(moments)}


def show(showcase: Showcase, result: dict[str, Any]) -> None:
    """Print what was found of each worn product, what was shown wrongly, and the figures."""
    kinds = {product.id: product.type for product in showcase.products}
    header = ("worn", "type", "on screen", "shown", "found as", "score", "after")
    rows = [(showcase.title(id_), kinds[id_], *_cells(found)) for id_, found in result["per_product"].items()]
    print_table("What the clip shows, and what was found", header, sorted(rows, key=lambda row: row[1]))
    if result["wrong"]:
        wrong = [(showcase.title(id_), kinds.get(id_, ""), f"{time:.1f} s") for id_, time in result["wrong"].items()]
        print_table("Shown wrongly", ("product", "type", "for"), wrong)
    names = ("precision", "recall", "precision_exact", "recall_exact", "false_exact")
    say("; ".join(f"{name.replace('_', ' ')} {percent(result[name])}" for name in names))
    found = sum(product["settled"] for product in result["per_product"].values())
    say(f"{found} of {result['products']} worn products found, {result['tracks']} tracks")


def _cells(found: dict[str, Any]) -> tuple[str, ...]:
    if found["first_right"] is None:
        return f"{found['seconds']:.1f} s", "-", "not found", "-", "-"
    sure = (TIERS[found["tier"]], f"{found['score']:.2f}", f"{found['first_right']:.1f} s")
    return f"{found['seconds']:.1f} s", percent(found["shown"]), *sure


def refuse_foreign(out: Path) -> None:
    """Let the demo write only into a new or empty folder, or over an earlier demo.

    Raises:
        InputError: the path is a file, or a folder with other things.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; name a folder with --out")
    ours = {MARK, "shop", "clip.mp4", "truth.csv", "seen.csv", "truth.json", "catalog", "match"}
    # Hidden files may be what a killed run left half-written.
    if out.is_dir() and not {path.name for path in out.iterdir() if not path.name.startswith(".")} <= ours:
        raise InputError(f"{out} holds other files; name a new folder with --out")


def _where_to_look(out: Path) -> None:
    say("\nlook at:")
    files = {
        "match/report.html": "what was on screen when, with pictures; opens in a browser",
        "match/overlay.mp4": "the clip with what was found drawn in",
        "match/sightings.csv": "the same for a spreadsheet",
        "match/frames.jsonl": "every garment of every frame",
        "shop/products.csv": "the shop's feed; its photos lie beside it",
        "truth.csv": "what the clip really shows",
    }
    for name, meaning in files.items():
        say(f"  {out / name}: {meaning}")
