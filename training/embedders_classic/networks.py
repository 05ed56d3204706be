"""The older networks. All take crops and masks and give unit vectors, as our embedder does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models.vgg import cfgs, make_layers

from matcher.errors import ConfigError
from training.checkpoint import load_checkpoint
from training.embedder.pooling import tint_ground
from training.embedders_classic.config import ClassicConfig
from training.trunk import Normalise

_FACE = (32, 64, 128, 256)
_CUSTOM = (32, 64, 128, 192, 256)
_CELLS = 4  # side of the grid that a map is averaged to before the dense layer
_VGG = 512


class Encoder(nn.Module):
    """Convolutions, then something that makes a vector of their map."""

    def __init__(self, trunk: nn.Module, top: nn.Module, dimension: int, masked: bool) -> None:
        """Take the parts.

        Args:
            trunk: (N, 3, S, S) normalised colours to a map.
            top: a map to (N, dimension).
            dimension: of the embedding.
            masked: whether what lies outside the mask is faded to the mean colour first.
        """
        super().__init__()
        self.normalise = Normalise()
        self.trunk, self.top = trunk, top
        self.dimension, self.masked = dimension, masked

    def colours(self, crops: Tensor, masks: Tensor) -> Tensor:
        """What the trunk sees, (N, 3, S, S), of crops (N, S, S, 3) uint8 BGR and masks (N, S, S) float32 in 0..1."""
        colours = self.normalise(crops)
        return tint_ground(colours, masks.unsqueeze(1), 0.0) if self.masked else colours

    def raw(self, crops: Tensor, masks: Tensor) -> Tensor:
        """Vectors (N, D) before they are brought to unit length."""
        return self.top(self.trunk(self.colours(crops, masks)))

    def forward(self, crops: Tensor, masks: Tensor) -> Tensor:
        """Crops (N, S, S, 3) uint8 BGR and masks (N, S, S) float32 in 0..1 -> (N, D) float32, L2-normalised."""
        return nn.functional.normalize(self.raw(crops, masks), dim=1, eps=1e-6)


def convolutions(widths: Sequence[int], before: int = 3) -> nn.Sequential:
    """3x3 convolutions, each followed by ReLU and a 2x2 pooling."""
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
        before = width
    return nn.Sequential(*layers)


def _face(config: ClassicConfig) -> Encoder:
    """Four convolutions and a dense layer, as the networks that learn to name faces have in front of their names."""
    side = config.size // 2 ** len(_FACE)
    top = nn.Sequential(nn.Flatten(), nn.Linear(_FACE[-1] * side * side, config.dimension))
    return Encoder(convolutions(_FACE), top, config.dimension, config.masked)


def _custom(config: ClassicConfig) -> Encoder:
    if not 1 <= config.depth <= len(_CUSTOM):
        raise ConfigError(f"depth = {config.depth}: the custom network has 1 to {len(_CUSTOM)} convolutions")
    widths = _CUSTOM[: config.depth]
    pool = nn.AdaptiveAvgPool2d(min(_CELLS, config.size // 2**config.depth))
    cells = pool.output_size**2
    top = nn.Sequential(pool, nn.Flatten(), nn.Linear(widths[-1] * cells, config.dimension))
    return Encoder(convolutions(widths), top, config.dimension, config.masked)


def _vgg(config: ClassicConfig) -> Encoder:
    """VGG16's convolutions; the mean of the last map as it is, or with a dense layer behind it where it is trained."""
    features = make_layers(cfgs["D"])  # without the classifier, whose 124 million numbers nobody asks for
    for layer in features.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    if config.weights:
        _fill(features, Path(config.weights))
    pooled: list[nn.Module] = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    if config.method == "none":
        return Encoder(features, nn.Sequential(*pooled), _VGG, config.masked)
    pooled.append(nn.Linear(_VGG, config.dimension))
    return Encoder(features, nn.Sequential(*pooled), config.dimension, config.masked)


def _fill(features: nn.Module, path: Path) -> None:
    state = load_checkpoint(path)
    try:
        inner = {key.removeprefix("features."): value for key, value in state.items() if key.startswith("features.")}
        features.load_state_dict(inner)
    except (RuntimeError, AttributeError) as error:
        raise ConfigError(
            f"{path} has no weights of VGG16 as torchvision names them (features.0.weight ...)"
        ) from error


class Autoencoder(Encoder):
    """A variational autoencoder (Kingma and Welling, 2014); the embedding is the mean of its bottleneck."""

    def __init__(self, config: ClassicConfig) -> None:
        """Build with random weights: four convolutions down, four up."""
        widths = _FACE
        down: list[nn.Module] = []
        for before, width in zip((3, *widths), widths, strict=False):
            down += [nn.Conv2d(before, width, 4, 2, 1), nn.ReLU(inplace=True)]
        side = config.size // 2 ** len(widths)
        cells = widths[-1] * side * side
        mean = nn.Sequential(nn.Flatten(), nn.Linear(cells, config.dimension))
        super().__init__(nn.Sequential(*down), mean, config.dimension, config.masked)
        self.spread = nn.Sequential(nn.Flatten(), nn.Linear(cells, config.dimension))
        up: list[nn.Module] = [nn.Linear(config.dimension, cells), nn.Unflatten(1, (widths[-1], side, side))]
        for before, width in zip(widths[::-1], (*widths[-2::-1], 3), strict=True):
            up += [nn.ReLU(inplace=True), nn.ConvTranspose2d(before, width, 4, 2, 1)]
        self.decode = nn.Sequential(*up)

    def rebuilt(self, crops: Tensor, masks: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Colours seen and colours drawn anew, both (N, 3, S, S), and mean and log variance of the bottleneck (N, D).

        In training a point of the distribution is drawn anew, else its mean.
        """
        colours = self.colours(crops, masks)
        seen = self.trunk(colours)
        mean, log_variance = self.top(seen), self.spread(seen).clamp(-10, 10)
        point = mean + torch.randn_like(mean) * (log_variance / 2).exp() if self.training else mean
        return colours, self.decode(point), mean, log_variance


NETWORKS: dict[str, Callable[[ClassicConfig], Encoder]] = {
    "face": _face,
    "vgg16": _vgg,
    "vae": Autoencoder,
    "custom": _custom,
}


def make_encoder(config: ClassicConfig) -> Encoder:
    """The network of a recipe, with random weights but for those that the recipe names.

    Raises:
        ConfigError: there is none of that name, its settings do not fit, or the weights cannot be read.
    """
    if config.network not in NETWORKS:
        raise ConfigError(f"no older embedder is called {config.network!r}; choose one of {', '.join(NETWORKS)}")
    if config.size < 32 or config.size % 32:
        raise ConfigError(f"size = {config.size}: the older embedders take crops of 32 pixels or a multiple of it")
    return NETWORKS[config.network](config)
