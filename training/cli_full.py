"""`asworn export-full`: a bundle for the torch backend."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from matcher.errors import BackendError


def export_full(
    detector: Annotated[Path, typer.Option("--detector", help="Checkpoint of a Match R-CNN.")],
    types: Annotated[Path, typer.Option("--types", help="Checkpoint of the type classifier.")],
    embedder: Annotated[Path, typer.Option("--embedder", help="Checkpoint of the embedder.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the bundle.")],
    name: Annotated[str, typer.Option("--name", help="Name of the bundle.")] = "full",
    version: Annotated[str, typer.Option("--bundle-version", help="Version of the bundle.")] = "1",
    precision: Annotated[str, typer.Option("--precision", help="Of the detector: bf16, fp16 or fp32.")] = "bf16",
) -> None:
    """Export trained weights as a bundle for the torch backend: programs and their card.

    Use it with --bundle DIR --backend torch --device cuda.
    """
    missing = [module for module in ("torch", "torchvision") if find_spec(module) is None]
    if missing:
        raise BackendError(f"exporting needs {', '.join(missing)}: pip install 'asworn[train]'")
    from training.programs.bundle import load_models, write_bundle

    typer.echo(write_bundle(load_models(detector, types, embedder), out, name, version, precision))
