"""How a product is worn: what the builders of garment surfaces are told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from matcher.wardrobe.body import Skeleton
from matcher.wardrobe.cuts import Cut
from matcher.wardrobe.head import Head
from matcher.wardrobe.product import Product


@dataclass(frozen=True)
class Worn:
    """One product on a person.

    Attributes:
        product: what is worn.
        owner: number of the garment, kept in every pixel drawn for it.
        tucked: a top whose hem is inside the trousers or skirt.
        opening: for garments closed in front, 0 closed to 1 wide open.
        side: for bags, 0 the person's left, 1 the right.
        over: room for what is worn below it, metres.
    """

    product: Product
    owner: int
    tucked: bool = False
    opening: float = 0.0
    side: int = 0
    over: float = 0.0

    @cached_property
    def cut(self) -> Cut:
        """The product's cut, wider where something is worn below it."""
        cut = self.product.cut
        return (
            replace(cut, ease=cut.ease + self.over, sleeve_ease=cut.sleeve_ease + 0.8 * self.over) if self.over else cut
        )

    def name(self, part: str) -> str:
        """Name of a part's picture in the person's atlas."""
        return f"{self.owner}:{part}"


@dataclass(frozen=True)
class Figure:
    """A posed body to dress; `head` is None for a shop's dummy."""

    skeleton: Skeleton
    head: Head | None
    hatted: bool = False
