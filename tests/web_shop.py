"""The web app over a toy shop (see toy_bundle): products with pictures, prices and links, served for real."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from matcher.bundle import Bundle
from matcher.catalog.catalog import Catalog
from matcher.catalog.writer import CatalogWriter
from matcher.config import load_pipeline_config
from matcher.pipeline import Pipeline
from matcher.stages.embed import Embedder
from matcher.types import Product
from matcher.web.app.make import Options, shop_app
from matcher.web.limits import Limits
from matcher.web.server import Serving
from matcher.web.token import Token
from tests.toy_bundle import COLOURS, DIMENSION, make_bundle, paint

SECRET = "a-secret-of-the-toy-shop"
BEARER = {"Authorization": f"Bearer {SECRET}"}
WORN = {"tops": (150, 60, 250, 160), "pants": (150, 170, 250, 330), "outerwear": (430, 60, 530, 220)}


def picture(garments: dict[str, tuple[int, int, int, int]] = WORN) -> NDArray[np.uint8]:
    """A picture of 640x360 with a top above pants, and a coat far to the right."""
    return paint((640, 360), garments)


def png(image: NDArray[np.uint8] | None = None) -> bytes:
    """A picture as a file."""
    return cv2.imencode(".png", picture() if image is None else image)[1].tobytes()


def write_products(folder: Path, bundle: Bundle, types: tuple[str, ...] = tuple(COLOURS)) -> Path:
    """A catalogue with two products of each type, the second one of which has no picture and looks a little other."""
    embedder, box = Embedder(bundle), np.array([[50, 50, 250, 250]], np.float32)
    (folder / "feed").mkdir(parents=True)
    with CatalogWriter(folder / "toy.catalog", DIMENSION, bundle.embedder_hash, bundle.name) as writer:
        for name in types:
            image = paint((300, 300), {name: (50, 50, 250, 250)})
            cv2.imwrite(str(folder / "feed" / f"{name}.png"), image)
            vector = embedder.embed(image, box)
            first = Product(f"p-{name}", f"A <b>{name}</b>", name, brand="Norr & Co", price=1299.0, currency="EUR")
            first = replace(first, availability="in stock")
            link = f"https://shop.example/{name}?a=1&b=2"
            writer.add(replace(first, link=link, image=f"{name}.png"), vector)
            turned = vector + 0.15 * np.roll(vector, 1, axis=1)
            turned /= np.linalg.norm(turned)
            second = Product(f"q-{name}", f"Other {name}", name, brand="Sol", link=f"https://other.example/{name}")
            writer.add(replace(second, image="gone.png", availability="out of stock"), turned)
        writer.commit()
    return folder / "toy.catalog"


def toy_pipeline(folder: Path, types: tuple[str, ...] = tuple(COLOURS)) -> Pipeline:
    """A pipeline over a new toy shop in a folder, which sells these types."""
    bundle = make_bundle(folder / "toy")
    catalog = Catalog.load(write_products(folder, bundle, types), bundle.embedder_hash)
    config = replace(load_pipeline_config("serve.toml"), threads=1)
    return Pipeline(config, catalog, bundle)


def toy_options(folder: Path, **more: object) -> Options:
    """Options over that folder, without limits that a test would run into."""
    larger = {"/api/looks": 25 << 20, "/api/stills": 25 << 20, "/api/jobs": 64 << 20}
    limits = Limits(rate=10_000, burst=100_000, larger=larger)
    given = {"pictures": folder / "feed", "crops": folder / "crops", "rate": 10_000.0, "limits": limits}
    return Options(folder / "data", **{**given, **more})


@contextmanager
def toy_server(
    folder: Path, pipeline: Pipeline | None = None, types: tuple[str, ...] = tuple(COLOURS), **more: object
) -> Iterator[httpx.Client]:
    """A client of a running server, without the token; `client.base_url` is its address."""
    app = shop_app(pipeline or toy_pipeline(folder, types), Token(SECRET), toy_options(folder, **more))
    with Serving(app) as server, httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
        client.app = app
        yield client


def job_in(client: httpx.Client, job: str, states: tuple[str, ...] = ("done", "failed", "cancelled")) -> dict:
    """A job as the server tells it, once it is in one of these states."""
    for _ in range(4800):
        found = client.get(f"/api/jobs/{job}").json()
        if found["state"] in states:
            return found
        time.sleep(0.05)
    pytest.fail(f"the job stays {found}")
