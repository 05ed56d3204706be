"""Which network names the types: ours, or one of the small ones that older work began with, all trained alike.

The older ones take no pretrained weights. Their layers are ours, in its manner: 3x3 convolutions and dense layers.
"grey" looks at a grey thumbnail, "deep" has two convolutions at each size, "plain" one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from matcher.errors import ConfigError
from matcher.taxonomy import TYPE_IDS, TYPES
from training.classifier.config import TypesConfig
from training.classifier.model import TypeClassifier

_GREY = (0.114, 0.587, 0.299)  # of blue, green and red (ITU-R BT.601)
_CENTRE, _SPREAD = 127.5, 64.0
_SMALLEST = 28  # pixels


class SmallClassifier(nn.Module):
    """Convolutions in stages, each ended by a 2x2 pooling, and one hidden dense layer."""

    def __init__(
        self,
        known: Sequence[int],
        size: int,
        stages: Sequence[Sequence[int]],
        dense: int,
        grey: bool = False,
        dropout: float = 0.5,
    ) -> None:
        """Build with random weights.

        Args:
            known: type ids that it can name.
            size: side of the crops in pixels.
            stages: widths of the convolutions between poolings.
            dense: width of the hidden layer.
            grey: look at brightness alone.
            dropout: behind the hidden layer.
        """
        super().__init__()
        self.known = tuple(known)
        weights = torch.tensor(_GREY) if grey else torch.eye(3)
        self.register_buffer("mix", weights.reshape(-1, 3, 1, 1), persistent=False)
        layers: list[nn.Module] = []
        before, side = len(self.mix), size
        for widths in stages:
            for width in widths:
                layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU(inplace=True)]
                before = width
            layers.append(nn.MaxPool2d(2))
            side //= 2
        layers += [nn.Flatten(), nn.Linear(before * side * side, dense), nn.ReLU(inplace=True), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(dense, len(self.known)))

    def forward(self, crops: Tensor) -> Tensor:
        """uint8 BGR crops (N, S, S, 3) -> logits (N, known types)."""
        pixels = (crops.permute(0, 3, 1, 2).float() - _CENTRE) / _SPREAD
        return self.layers(nn.functional.conv2d(pixels, self.mix))


def _small(stages: Sequence[Sequence[int]], dense: int, **options: float) -> Callable[[TypesConfig], nn.Module]:
    return lambda config: SmallClassifier(known_types(config), config.size, stages, dense, **options)


NETWORKS: dict[str, Callable[[TypesConfig], nn.Module]] = {
    "mobilenetv2": lambda config: TypeClassifier(config.frozen_blocks, known=known_types(config)),
    "grey": _small(((32,), (64,)), 128, grey=True, dropout=0.25),
    "deep": _small(((32, 32), (64, 64), (128, 128)), 256),
    "plain": _small(((32,), (64,), (128,)), 128),
}


def known_types(config: TypesConfig) -> tuple[int, ...]:
    """Type ids, ascending, that a recipe's network can name.

    Raises:
        ConfigError: the recipe names something else than types, or a single one.
    """
    unknown = [name for name in config.types if name not in TYPE_IDS]
    if unknown or len(set(config.types)) == 1:
        raise ConfigError(f"types = {list(config.types)}: name two or more of {', '.join(TYPES)}, or none for all")
    return tuple(sorted({TYPE_IDS[name] for name in config.types or TYPES}))


def make_network(config: TypesConfig) -> nn.Module:
    """The network of a recipe with random weights; takes crops as `TypeClassifier`, and says what it knows in `known`.

    Raises:
        ConfigError: there is none of that name, or it cannot look at crops this small.
    """
    if config.network not in NETWORKS:
        raise ConfigError(f"no type classifier is called {config.network!r}; choose one of {', '.join(NETWORKS)}")
    if config.size < _SMALLEST:
        raise ConfigError(f"size = {config.size}: crops must be {_SMALLEST} pixels or more")
    return NETWORKS[config.network](config)
