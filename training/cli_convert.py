"""`asworn convert detectron2`: checkpoints of other projects as ours."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from matcher.errors import BackendError

app = typer.Typer(help="Convert another project's weights.", no_args_is_help=True)


@app.callback()
def _convert() -> None:
    """Convert another project's weights."""


@app.command()
def detectron2(
    checkpoint: Annotated[Path, typer.Argument(help="model_final.pkl of the model zoo, or .pth of a training.")],
    out: Annotated[Path, typer.Option("--out", help="Checkpoint to write.")],
    config: Annotated[
        Path | None, typer.Option("--config", help="Its settings (.yaml), for what weights do not show.")
    ] = None,
    names: Annotated[str, typer.Option("--names", help="Names of its classes in order: a,b,c.")] = "",
    unpickle: Annotated[
        bool,
        typer.Option("--unpickle", help="Read a .pkl: arrays of numbers alone are let in, nothing in it is run."),
    ] = False,
    keep_names: Annotated[
        bool, typer.Option("--keep-names", help="Keep Detectron2's names, for --detector detectron2:CONFIG,FILE.")
    ] = False,
) -> None:
    """Convert a checkpoint of Detectron2: Mask R-CNN on R50, R101 or X101 with FPN, C4 or DC5, or an ImageNet trunk.

    A .pkl is a pickle, a form that can carry programs; only NumPy arrays and plain containers in it are read.
    """
    if find_spec("torch") is None or find_spec("torchvision") is None:
        raise BackendError("converting needs torch and torchvision: pip install 'asworn[train]'")
    from training.match_rcnn.detectron2 import convert, keep

    if unpickle and checkpoint.suffix == ".pkl":
        typer.echo(f"warning: reading the pickle {checkpoint}; only plain arrays in it are let in", err=True)
    if keep_names:
        typer.echo(f"{out}: {keep(checkpoint, out, unpickle)} tensors by Detectron2's names")
        return
    classes = tuple(name.strip() for name in names.split(",") if name.strip())
    made = convert(checkpoint, out, unpickle=unpickle, settings=config, names=classes)
    typer.echo(f"{out}: {made.backbone}, {made.classes} classes")
