"""The web app over a drawn shop, for measurements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import cv2
from fastapi import FastAPI

from benchmarks.showcase import make_showcase
from indexer.cli import index
from matcher.cli.options import make_pipeline
from matcher.video.open import open_video
from matcher.web.app.make import Options, shop_app
from matcher.web.limits import Limits
from matcher.web.token import Token

SECRET = "a-token-for-measurements"
_SIZE = (1280, 720)


@dataclass(frozen=True)
class Shown:
    """An app, not served yet, and pictures of people in clothes of its shop, as JPEG files."""

    app: FastAPI
    pictures: list[Path]


@contextmanager
def drawn_app(folder: Path, bundle: str | None, threads: int, pictures: int = 8, seed: int = 1) -> Iterator[Shown]:
    """The app of `asworn serve` over a drawn shop, without its limits on how often one may ask.

    Args:
        folder: for the shop, the catalogue and the app's data; what is there from before is used again.
        bundle: weights; None = the packaged ones.
        threads: of the models.
        pictures: frames of a drawn clip.
        seed: of the shop.
    """
    if not (folder / "catalog" / "CURRENT").is_file():
        showcase = make_showcase(folder, seed, 2, _SIZE, 4)
        index(showcase.feed, out=folder / "catalog", bundle=bundle)
    pipeline = make_pipeline(folder / "catalog", "serve.toml", bundle, threads, True, "due")
    pipeline.warm_up(_SIZE)
    mib = 1 << 20
    limits = Limits(rate=1e6, burst=10**6, larger={f"/api/{n}": 25 * mib for n in ("looks", "stills", "jobs")})
    options = replace(Options(folder / "data", folder / "shop"), rate=1e6, limits=limits)
    app = shop_app(pipeline, Token(SECRET), options)
    yield Shown(app, _frames(folder, pictures))


def _frames(folder: Path, count: int) -> list[Path]:
    with open_video(folder / "clip.mp4") as source:
        step = max((source.frames_estimate or count) // count, 1)
        chosen = list(islice(source, 0, step * count, step))
    paths = [folder / f"look-{i}.jpg" for i in range(len(chosen))]
    for path, frame in zip(paths, chosen, strict=True):
        cv2.imwrite(str(path), frame.image, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return paths
