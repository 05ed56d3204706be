"""`asworn bench detector-parity`: other projects' detectors through our adapters and through their own packages."""

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
