"""`asworn export-int8`: a bundle in 8-bit integers."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matcher.errors import BackendError, BundleError, InputError

if TYPE_CHECKING:
    from matcher.bundle import Bundle

NETWORKS = ("detector", "masks", "classifier")  # by default; the embedder's vectors would turn
_ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
_MEASURED = 3  # every third picture is kept to measure on
_ASIDE = "int8"


def export_int8(
    pictures: Annotated[Path, typer.Option("--pictures", help="Folder of pictures like those that are to be matched.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the new bundle.")],
    bundle: Annotated[
        str, typer.Option("--bundle", help="The bundle in floats: a folder, or a packaged name.")
    ] = "tiny",
    network: Annotated[
        list[str] | None,
        typer.Option(
            help="Quantise this one (detector, masks, classifier, embedder); repeatable. All but the embedder by "
            "default: catalogues that floats embedded do not fit its vectors in int8."
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=3, help="Pictures at most, spread over the folder.")] = 48,
    threads: Annotated[int, typer.Option("--threads", min=0, help="CPU threads; 0 = all cores.")] = 0,
) -> None:
    """Write a bundle whose convolutions count in int8, and what of accuracy that costs.

    The ranges of activations are read from two thirds of the pictures, the loss is measured on the others and written
    into the card. Whether int8 is faster depends on the processor: asworn bench runtimes says.
    """
    if find_spec("onnx") is None:
        raise BackendError("quantisation needs onnx: pip install 'asworn[train]'")
    from matcher.bundle import Bundle
    from matcher.video.image import read_image
    from training.data.records import spread
    from training.int8.bundle import FILES, quantised
    from training.int8.loss import loss_of
    from training.int8.record import record

    names = list(network or NETWORKS)
    if unknown := sorted(set(names) - set(FILES)):
        raise InputError(f"no network is called {unknown[0]!r}; choose from {', '.join(FILES)}")
    source = Bundle.open(bundle)
    _needs_onnx_files(source, names)
    files = spread(sorted(one for one in pictures.rglob("*") if one.suffix.lower() in _ENDINGS), limit)
    if len(files) < _MEASURED:
        raise InputError(f"{pictures} has {len(files)} pictures; give a folder with at least {_MEASURED}, better 48")
    if out.exists() and out.resolve() == source.folder.resolve():
        raise InputError(f"{out} is the bundle in floats itself; name another folder")
    images = [read_image(one) for one in files]
    measured = images[_MEASURED - 1 :: _MEASURED]
    feeds = record(source, [one for i, one in enumerate(images, 1) if i % _MEASURED], threads)
    if missing := [name for name in names if name not in feeds]:
        raise InputError(f"no garment was found in {pictures}, so nothing can be said for {missing[0]}; give others")
    made = quantised(source, {name: feeds[name] for name in names}, out)
    loss = loss_of(source, made, measured, threads)
    typer.echo(_noted(made, names, loss))
    typer.echo(_said(loss))


def _needs_onnx_files(bundle: Bundle, names: list[str]) -> None:
    from training.int8.bundle import FILES

    for name in names:
        model, key = FILES[name]
        if not str(bundle.model(model).get(key, "")).endswith(".onnx") or "backend" in bundle.model(model):
            raise BundleError(f"{name} of {bundle.folder} is no ONNX file of ours; only those can be quantised")


def _noted(made: Bundle, names: list[str], loss: dict) -> Path:
    """Write the card again: another name, and for each network what it lost."""
    from matcher.bundle import write_card
    from training.int8.bundle import FILES

    card = made.stated
    models = card["models"]
    for name in names:
        model = FILES[name][0]
        networks = [*models[model].get(_ASIDE, {}).get("networks", []), name]
        models[model][_ASIDE] = {"networks": networks, "against": made.name, "measured": loss}
    return write_card(made.folder, {**card, "name": f"{card['name']}-int8"})


def _said(loss: dict) -> str:
    if not loss["garments"]:
        return f"nothing was found in the {loss['pictures']} pictures that were kept to measure on"
    mask = "" if loss["mask_iou"] is None else f", masks overlap {loss['mask_iou']:.2f}"
    return (
        f"{loss['garments']} garments in {loss['pictures']} other pictures: {loss['found_again']:.1%} found again with "
        f"the same type, {loss['extra']:.1%} besides{mask}; same type by the classifier {loss['same_type']:.1%}; "
        f"embeddings' cosine {loss['cosine']['mean']:.3f} (least {loss['cosine']['min']:.3f})"
    )
