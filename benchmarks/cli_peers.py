"""`asworn bench detector-parity|pipelines`: other projects through our adapters and beside our pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training.evaluation.output import print_table

PeerEnv = Annotated[Path, typer.Option("--peer-env", help="Environment that has the peers' packages.")]
Install = Annotated[bool, typer.Option("--install", help="Make that environment if there is none.")]
Results = Annotated[Path | None, typer.Option("--results", help="Folder for the JSON file; none is written without.")]
SIZES = ((1280, 720), (550, 830), (640, 480), (333, 500))


def parity_command(peer_env: PeerEnv, install: Install = False, results: Results = None) -> None:
    """Boxes and masks by our adapters against those by the packages that made the files (random weights)."""
    import tempfile

    from benchmarks.detector_parity import PEERS, parity
    from benchmarks.showcase import FIRST_SEED
    from matcher.wardrobe.scene import random_scene

    pictures = [random_scene(FIRST_SEED + i, size).image for i, size in enumerate(SIZES)]
    result = {}
    for layout in PEERS:
        with tempfile.TemporaryDirectory() as folder:
            result[layout] = parity(layout, pictures, peer_env, Path(folder), install)
    rows = []
    for layout, one in result.items():
        box, score = one["box_px"] or {}, one["score"] or {}
        figures = (one["theirs"], one["ours"], one["matched"], box.get("median"), box.get("max"), score.get("max"))
        rows.append((layout, *map(str, figures), str(one["cells_equal"]), str(one["mask_iou"])))
    heads = ("theirs", "ours", "the same", "box px, median", "max", "score, max", "mask cells equal", "mask IoU")
    print_table("Adapters against the detectors' own packages", ("", *heads), rows)
    if results is not None:
        from benchmarks.environment import save

        typer.echo(f"written: {save('detector_parity', result, results)}")


def pipelines_command(
    peer_env: PeerEnv,
    install: Install = False,
    video: Annotated[Path | None, typer.Option("--video", help="A clip of yours; a drawn one when left out.")] = None,
    catalog: Annotated[Path | None, typer.Option("--catalog", help="Catalogue for it.")] = None,
    start: Annotated[float, typer.Option(min=0, help="Seconds of the clip that are left out.")] = 0.0,
    frames: Annotated[int, typer.Option(min=10, help="Frames of the clip.")] = 40,
    products: Annotated[
        int, typer.Option(min=100, help="In the catalogue: a drawn shop and made-up neighbours.")
    ] = 10_000,
    every: Annotated[int, typer.Option(min=1, help="The older pipeline runs on every so many frames.")] = 5,
    bundle: Annotated[str | None, typer.Option("--bundle", help="Weights: a folder, or a packaged name.")] = None,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Of each pipeline, and cores for it.")] = 2,
    results: Results = None,
) -> None:
    """Whole frames against YOLO11n-seg + CLIP + FAISS and against an older pipeline (random weights, time alone)."""
    import tempfile

    from benchmarks.pipelines import clip_frames, hold_to, pipelines
    from benchmarks.showcase import RATE, make_showcase
    from benchmarks.synthetic_catalog import synthetic_catalog
    from indexer.cli import index
    from matcher.catalog.catalog import Catalog
    from matcher.cli.options import make_pipeline
    from matcher.pipeline import Pipeline

    hold_to(threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if video is None or catalog is None:
            showcase = make_showcase(folder, 1, 5, SIZES[0], 1 + frames / RATE)
            index(showcase.feed, out=folder / "catalog", bundle=bundle)
            video, catalog = showcase.video, folder / "catalog"
        shop = synthetic_catalog(folder / "large", Catalog.load(catalog), products)
        alone = make_pipeline(None, "file.toml", bundle, threads, masks=True, mask_rows="due")
        ours = Pipeline(alone.config, shop, alone.bundle)
        result = pipelines(ours, clip_frames(video, frames, start), peer_env, threads, every, install)
    rows = []
    for pipeline, parts in result["ms"].items():
        middle = [f"{parts[part]['p50']:.1f}" if part in parts else "-" for part in ("frame", "detect", "embed")]
        rows.append(
            (
                pipeline,
                *middle,
                str(result["fps"][pipeline]),
                str(result["ratio"].get(pipeline, 1)),
                str(result["ratio_cpu"].get(pipeline, 1)),
            )
        )
    heads = ("", "frame, p50 ms", "detect", "embed", "frames a second", "ours is faster by", "by processor time")
    print_table(f"{result['size']}, {threads} cores, {products} products", heads, rows)
    if results is not None:
        from benchmarks.environment import save

        typer.echo(f"written: {save('pipelines', result, results)}")
