"""The overlay server of `asworn live`: its options, and what makes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from matcher.cli.output import out
from matcher.errors import InputError
from matcher.fetch.fetcher import Fetcher
from matcher.live.channel import Channel
from matcher.live.control import Control
from matcher.live.session import Session
from matcher.types import Product
from matcher.web.live.app import live_app
from matcher.web.live.board import Board
from matcher.web.live.hub import Hub
from matcher.web.live.settings import load_overlay_config
from matcher.web.pictures import ProductPictures
from matcher.web.server import HOST, Serving
from matcher.web.token import Token

PortOption = Annotated[
    int | None,
    typer.Option("--overlay-port", min=0, max=65535, help="Serve overlay and dashboard there; 0 = a free port."),
]
HostOption = Annotated[str, typer.Option("--overlay-host", help="Address to listen at; 0.0.0.0 lets others reach it.")]
SettingsOption = Annotated[str, typer.Option("--overlay-config", help="Settings of cards, links, OBS and chat, TOML.")]
PicturesOption = Annotated[Path | None, typer.Option("--pictures", help="Folder of the shop's feed, for its pictures.")]
BlockedOption = Annotated[Path | None, typer.Option("--blocked", help="JSON file that keeps what is never shown.")]
AllowHostOption = Annotated[
    list[str] | None, typer.Option("--allow-host", help="A name by which the overlay is reached; again for more.")
]
AllowPathsOption = Annotated[
    bool, typer.Option("--allow-paths", help="Streams added by the dashboard may be files, cameras, any catalogue.")
]
AllowPrivateOption = Annotated[
    bool, typer.Option("--allow-private", help="They may be at private addresses, such as this machine's.")
]


@dataclass(frozen=True)
class OverlayOptions:
    """What the options say; see there."""

    port: int
    host: str = HOST
    config: str = "overlay.toml"
    pictures: Path | None = None
    blocked: Path | None = None
    allow_host: Sequence[str] = ()
    allow_paths: bool = False
    allow_private: bool = False


class Overlay:
    """The server around the boards of a session.

    Attributes:
        hub: the boards.
    """

    def __init__(self, options: OverlayOptions) -> None:
        """Read the settings and take the port, before anything that takes long.

        Raises:
            InputError: a setting is wrong, a folder is missing, or nothing can listen there.
            BackendError: what speaks with OBS is not installed.
        """
        if options.pictures is not None and not options.pictures.is_dir():
            raise InputError(f"{options.pictures} is no folder; give --pictures one that is there")
        self._options, self.hub = options, Hub(load_overlay_config(options.config), options.blocked)
        self._token = Token.kept()
        self._fetcher = Fetcher()
        pictures = ProductPictures(options.pictures, self._fetcher)
        app = live_app(self.hub, self._token, pictures, options.allow_host)
        self._server = Serving(app, options.host, options.port)

    def board(self, channel: Channel) -> Board:
        """A sink for a channel's results; one that is started anew keeps its own."""
        catalog = channel.pipeline.catalog

        def find(product_id: str) -> Product | None:
            shop = catalog.snapshot() if catalog is not None else None  # one generation for both questions
            row = shop.table.row_of(product_id) if shop is not None else None
            return shop.product(row) if row is not None else None

        return self.hub.again(channel.name, find=find)  # results name products of the generation that they come from

    @contextmanager
    def serving(self, session: Session) -> Iterator[None]:
        """Serve the boards of a session that runs, and say where."""
        catalogs = [channel.pipeline.catalog for channel in session.channels]
        folders = [catalog.path for catalog in catalogs if catalog is not None]
        control = Control(session, folders, self._options.allow_paths, self._options.allow_private)
        for name, status in control.status().items():
            if name not in self.hub.boards:  # it could not be started
                self.hub.add(name).health(status.health)
        self.hub.watch(control)
        with self._server as server:
            out.print(f"dashboard: {escape(self._token.link(server.url + '/'))}", soft_wrap=True)
            for name in self.hub.boards:
                out.print(f"overlay for OBS: {escape(f'{server.url}/overlay?stream={name}')}", soft_wrap=True)
            yield
        self.hub.watch(None)

    def close(self) -> None:
        """Let go of the port; harmless when that is done."""
        self._server.stop()
        self._fetcher.close()
