"""Settings of the streamer's server: how cards come and go, how links are made, what is never shown, who is told."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from matcher.catalog.settings import Settings as LinkSettings
from matcher.config import from_table, load_toml
from matcher.errors import ConfigError
from matcher.taxonomy import TYPES

_UTM = ("source", "medium", "campaign", "term", "content")
_CHANNEL = re.compile(r"#?[A-Za-z0-9_]{1,25}$")


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise ConfigError(f"overlay settings: {rule}")


@dataclass(frozen=True)
class CardConfig:
    """How cards come and go. Times are seconds; settling has its own hysteresis before this."""

    most: int = 4  # cards at a time
    similar: bool = True  # whether products that are only similar get cards
    appear_s: float = 0.3  # an exact product is settled on for so long before its card comes
    appear_similar_s: float = 0.8
    change_s: float = 0.8  # and for so long before it takes the place of another one of the same garment
    linger_s: float = 0.4  # a card stays for so long after its product was last seen
    least_s: float = 2.0  # a card that has come is shown for at least so long, within hold_s
    hold_s: float = 1.5  # but no card stays longer than this after its product was last seen
    rotate_s: float = 15.0  # where others wait, a card makes room after so long; 0 = never

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        _require(1 <= self.most <= 12, f"most must be from 1 to 12, not {self.most}")
        times = (self.appear_s, self.appear_similar_s, self.change_s, self.linger_s, self.least_s, self.rotate_s)
        _require(all(0 <= value <= 600 for value in (*times, self.hold_s)), "times are seconds from 0 to 600")
        within = max(self.linger_s, self.change_s) <= self.hold_s
        _require(within, "linger_s and change_s must not be longer than hold_s, which limits both")


@dataclass(frozen=True)
class LinkConfig:
    """What links become, on top of the catalogue's own template, and the label that stands with them."""

    template: str = ""  # as --link-template of asworn index: {url}, {url_encoded}, {id}, {group_id}
    disclosure: str = ""  # in place of the catalogue's
    shop: str = ""  # the shop's name on cards; empty = the host of the link
    utm: dict = field(default_factory=dict)  # source, medium, campaign, term, content

    def __post_init__(self) -> None:
        """Refuse a template that makes no web address, and unknown UTM parameters."""
        LinkSettings(self.template, self.disclosure)
        unknown = [name for name in self.utm if name not in _UTM]
        _require(not unknown, f"utm has {', '.join(unknown)}; there are {', '.join(_UTM)}")
        _require(all(isinstance(text, str) for text in self.utm.values()), "utm values are texts")


@dataclass(frozen=True)
class BlockConfig:
    """What never becomes a card. Brands are compared without regard to case."""

    products: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    types: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse types that do not exist."""
        lists = (self.products, self.brands, self.types)
        _require(all(isinstance(names, tuple) for names in lists), "products, brands and types are lists")
        texts = (*self.products, *self.brands, *self.types)
        _require(all(isinstance(text, str) for text in texts), "what is blocked is named by texts")
        unknown = [name for name in self.types if name not in TYPES]
        _require(not unknown, f"no type is called {', '.join(unknown)}; there are {', '.join(TYPES)}")


@dataclass(frozen=True)
class ObsConfig:
    """OBS, asked by its WebSocket server (version 5) for its scene. The password: environment ASWORN_OBS_PASSWORD."""

    url: str = ""  # such as ws://127.0.0.1:4455; empty = OBS is not asked
    scenes: tuple[str, ...] = ()  # cards are shown in these alone; empty = in all
    not_scenes: tuple[str, ...] = ()  # and not in these

    def __post_init__(self) -> None:
        """Refuse what is no WebSocket address."""
        _require(not self.url or self.url.startswith(("ws://", "wss://")), "obs url begins with ws:// or wss://")


@dataclass(frozen=True)
class ChatConfig:
    """The chat bot. Its token (oauth:...) is taken from the environment: ASWORN_CHAT_TOKEN."""

    channel: str = ""  # empty = no bot
    nick: str = ""  # the bot's account; empty = the channel's
    server: str = "irc.chat.twitch.tv"
    port: int = 6697
    tls: bool = True
    command: str = "!fit"
    every_s: float = 5.0  # at most one answer in so many seconds
    stream: str = ""  # whose cards; empty = the first stream's

    def __post_init__(self) -> None:
        """Refuse names that would not be one word of the chat's protocol."""
        for name in filter(None, (self.channel, self.nick)):
            _require(bool(_CHANNEL.match(name)), f"{name!r} is no name of a channel: letters, digits and _")
        _require(bool(re.match(r"[^\s\x00-\x1f]{1,25}$", self.command)), "the chat command is one word")
        _require(1 <= self.port <= 65535 and self.every_s >= 1.5, "port is 1 to 65535, every_s at least 1.5")


@dataclass(frozen=True)
class OverlayConfig:
    """All settings of the streamer's server; see configs/overlay.toml."""

    cards: CardConfig = field(default_factory=CardConfig)
    links: LinkConfig = field(default_factory=LinkConfig)
    block: BlockConfig = field(default_factory=BlockConfig)
    obs: ObsConfig = field(default_factory=ObsConfig)
    chat: ChatConfig = field(default_factory=ChatConfig)


def load_overlay_config(path: Path | str) -> OverlayConfig:
    """Read the settings.

    Raises:
        ConfigError: the file is missing, not TOML, or has unknown or wrong settings.
    """
    return from_table(OverlayConfig, load_toml(path), str(path))
