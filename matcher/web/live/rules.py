"""Link rules: what address, label and shop name a product is shown with, and whether it is shown at all."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from matcher.catalog.settings import Settings
from matcher.config import from_table
from matcher.errors import ConfigError, InputError
from matcher.files import write_whole
from matcher.sinks.safe import safe_link
from matcher.types import Product
from matcher.web.live.settings import BlockConfig, LinkConfig

MOST_BLOCKED = 10_000  # of each kind
_LONGEST = 300  # characters of a name
KINDS = {"product": "products", "brand": "brands", "type": "types"}


@dataclass(frozen=True)
class Links:
    """Makes the links that viewers see."""

    config: LinkConfig = LinkConfig()

    def link(self, product: Product) -> str:
        """The address to show: by the template, with the UTM parameters, http or https; "" where there is none."""
        link = safe_link(Settings(self.config.template).link(product))
        utm = {f"utm_{name}": value for name, value in self.config.utm.items()}
        return safe_link(with_parameters(link, utm)) if link and utm else link

    def disclosure(self, product: Product) -> str:
        """The label that must stand with the link."""
        return self.config.disclosure or product.disclosure

    def shop(self, product: Product) -> str:
        """Who sells it: the settings' name, else the host of the shop's own link, else the brand."""
        host = urlsplit(safe_link(product.link)).hostname or ""
        return self.config.shop or host.removeprefix("www.") or product.brand


def with_parameters(link: str, parameters: dict[str, str]) -> str:
    """An address whose query has these parameters, in place of those of the same names."""
    parts = urlsplit(link)
    kept = [(name, value) for name, value in parse_qsl(parts.query, True) if name not in parameters]
    return parts._replace(query=urlencode([*kept, *parameters.items()])).geturl()


class Blocklist:
    """What is never shown: fixed entries of the settings, and those added while it runs, which a file keeps.

    Safe to use from several threads.
    """

    def __init__(self, fixed: BlockConfig | None = None, file: Path | None = None) -> None:
        """Read what was added before.

        Args:
            fixed: entries that cannot be removed here.
            file: JSON {"products": [], "brands": [], "types": []}, rewritten at each change; None = kept nowhere.

        Raises:
            ConfigError: the file cannot be understood.
        """
        self._fixed, self._file = fixed or BlockConfig(), file
        self._lock = threading.Lock()
        self._added = _read(file)

    def blocks(self, product: Product) -> bool:
        """Whether a product must not be shown."""
        return any(
            product.id in some.products
            or product.type in some.types
            or (product.brand and product.brand.casefold() in map(str.casefold, some.brands))
            for some in (self._fixed, self._added)
        )

    def change(self, kind: str, name: str, blocked: bool) -> None:
        """Add or remove an entry.

        Args:
            kind: product, brand or type.
            name: the product's id, the brand or the type.
            blocked: false removes it.

        Raises:
            InputError: there is no such kind or type, the name is too long, or the list is full or fixed.
        """
        if kind not in KINDS or not name or len(name) > _LONGEST:
            raise InputError(f"what is blocked is a product, a brand or a type, named in at most {_LONGEST} characters")
        if not blocked and name in getattr(self._fixed, KINDS[kind]):
            raise InputError(f"{name} is blocked by the settings file; remove it there")
        with self._lock:
            names = [one for one in getattr(self._added, KINDS[kind]) if one != name] + [name] * blocked
            if len(names) > MOST_BLOCKED:
                raise InputError(f"more than {MOST_BLOCKED} entries; remove some first")
            added = BlockConfig(**{**asdict(self._added), KINDS[kind]: tuple(names)})
            if self._file is not None:
                write_whole(self._file, json.dumps(asdict(added), indent=1, ensure_ascii=False) + "\n")
            self._added = added

    def listed(self) -> dict[str, list[str]]:
        """All entries by kind (products, brands, types)."""
        both = (self._fixed, self._added)
        return {name: list(dict.fromkeys(n for some in both for n in getattr(some, name))) for name in KINDS.values()}


def _read(file: Path | None) -> BlockConfig:
    if file is None or not file.exists():
        return BlockConfig()
    try:
        table = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read what is blocked from {file}: {error}") from error
    if not isinstance(table, dict) or not all(isinstance(names, list) for names in table.values()):
        raise ConfigError(f'{file} must be {{"products": [...], "brands": [...], "types": [...]}}')
    return from_table(BlockConfig, table, str(file))
