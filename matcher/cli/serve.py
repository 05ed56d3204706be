"""`asworn serve`: the web app."""

from __future__ import annotations

import hashlib
import os
import re
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from matcher.cli.models import ModelOptions, with_models
from matcher.cli.output import err, out
from matcher.errors import InputError
from matcher.pipeline import Pipeline
from matcher.web.app.make import Options, shop_app
from matcher.web.app.websearch import provider_of
from matcher.web.server import HOST
from matcher.web.server import serve as serve_app
from matcher.web.token import Token

PORT = 8080


@with_models("serve.toml", without=("masks",))
def serve(
    catalog: Annotated[Path, typer.Option("--catalog", help="The shop's catalogue.")],
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 = one that is free.")] = PORT,
    host: Annotated[str, typer.Option("--host", help="Address to listen at; 0.0.0.0 lets others reach it.")] = HOST,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", help="A name by which it is reached; again for more.")
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Folder for videos, judgements and history.")] = None,
    pictures: Annotated[
        Path | None, typer.Option("--pictures", help="Folder of the shop's feed, whose pictures it names.")
    ] = None,
    videos: Annotated[Path | None, typer.Option("--videos", help="Folder whose videos may be chosen.")] = None,
    crops: Annotated[Path | None, typer.Option("--crops", help="Folder for cut-outs that are saved.")] = None,
    web_search: Annotated[
        str, typer.Option("--web-search", help="google, json:ADDRESS, or an address with {keywords}.")
    ] = "",
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Fetch pictures from private addresses too.")
    ] = False,
    models: ModelOptions = ModelOptions(),
) -> None:
    """Start the web app: click to shop, videos, review. It prints a link that lets you in; Ctrl-C ends it."""
    for name, folder in (("--pictures", pictures), ("--videos", videos)):
        if folder is not None and not folder.is_dir():
            raise InputError(f"{folder} is no folder; give {name} one that is there")
    provider, token = provider_of(web_search, os.environ), Token.kept()
    pipeline = models.pipeline(catalog, "due")
    data = data or default_data(catalog)
    options = Options(data, pictures, crops, videos, provider, tuple(allow_host or ()), allow_private)
    app = shop_app(pipeline, token, options)
    pipeline.warm_up()

    def ready(url: str) -> None:
        _hints(pipeline, pictures, host)
        _tell(url, token)

    serve_app(app, host, port, ready)


def default_data(catalog: Path) -> Path:
    """The folder for a catalogue's data: the user's (XDG), a different one for each catalogue."""
    base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    place = catalog.resolve()
    name = re.sub(r"[^\w.-]+", "_", place.name).strip("._") or "catalog"
    return base / "asworn" / f"{name}-{hashlib.sha256(str(place).encode()).hexdigest()[:8]}"


def _hints(pipeline: Pipeline, pictures: Path | None, host: str) -> None:
    catalog = pipeline.catalog
    first = catalog.product(0) if catalog is not None and len(catalog) else None
    say = partial(err.print, soft_wrap=True)
    if first is not None and pictures is None and not first.image.lower().startswith("http"):
        say("the catalogue names pictures by files; --pictures FOLDER says where the feed's folder is")
    if host != HOST:
        say("others can reach this server; what they send is not encrypted unless a proxy in front does it")


def _tell(url: str, token: Token) -> None:
    out.print(f"open {escape(token.link(url + '/'))}", soft_wrap=True)
    out.print(f"the API is described at {escape(url)}/docs; Ctrl-C ends the server", soft_wrap=True)
