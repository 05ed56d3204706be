"""Networks for 28x28 grey pictures of ten classes. All take (B, 28, 28) uint8 and normalise inside."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from matcher.errors import ConfigError
from training.datasets.fashion_mnist import CLASSES, SIDE

# Mean and deviation of the training pixels, 0..255.
_MEAN, _DEVIATION = 72.94, 90.02


class GreyNet(nn.Module):
    """Normalisation, and layers."""

    def __init__(self, layers: nn.Module) -> None:
        """Take layers that turn (B, 1, 28, 28) into logits (B, 10)."""
        super().__init__()
        self.layers = layers

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, 10) of images (B, 28, 28) uint8, or float in the same range."""
        return self.layers((images.unsqueeze(1).float() - _MEAN) / _DEVIATION)


def _published(widths: tuple[int, ...]) -> GreyNet:
    """3x3 convolutions without padding, a 2x2 pooling behind the first alone, one dense layer of the last width."""
    layers: list[nn.Module] = []
    side, before = SIDE, 1
    for i, width in enumerate(widths):
        layers += [nn.Conv2d(before, width, 3), nn.ReLU(inplace=True)]
        side, before = side - 2, width
        if i == 0:
            layers.append(nn.MaxPool2d(2))
            side //= 2
    dense = widths[-1]
    layers += [nn.Flatten(), nn.Linear(before * side * side, dense), nn.ReLU(inplace=True), nn.Linear(dense, CLASSES)]
    return GreyNet(nn.Sequential(*layers))


class _Block(nn.Module):
    """Two 3x3 convolutions with normalisation, around which the input goes (He et al., 2016, pre-activation)."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.BatchNorm2d(before), nn.ReLU(inplace=True))
        self.body = nn.Sequential(
            nn.Conv2d(before, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
        )
        same = before == width and stride == 1
        self.around = nn.Identity() if same else nn.Conv2d(before, width, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        ready = self.first(x)
        return self.body(ready) + self.around(ready if not isinstance(self.around, nn.Identity) else x)


def wide_resnet(dropout: float = 0.0, widths: tuple[int, ...] = (24, 64, 128, 192), blocks: int = 1) -> GreyNet:
    """A small wide residual network: stages at 28, 14, 7 and 4 pixels, the first and dearest narrow.

    Args:
        dropout: in front of the last layer.
        widths: channels of the stages.
        blocks: of each stage.
    """
    layers: list[nn.Module] = [nn.Conv2d(1, widths[0], 3, 1, 1, bias=False)]
    before = widths[0]
    for stage, width in enumerate(widths):
        for i in range(blocks):
            layers.append(_Block(before, width, 2 if i == 0 and stage else 1))
            before = width
    layers += [nn.BatchNorm2d(before), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    layers += [nn.Dropout(dropout), nn.Linear(before, CLASSES)]
    net = GreyNet(nn.Sequential(*layers))
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
    return net


# The published ones have 173,738, 515,146 and 1,421,194 parameters.
NETWORKS: dict[str, Callable[[float], GreyNet]] = {
    "conv1": lambda dropout: _published((32,)),
    "conv2": lambda dropout: _published((32, 64)),
    "conv3": lambda dropout: _published((32, 64, 128)),
    "wide-resnet": wide_resnet,
    "wide-resnet-large": lambda dropout: wide_resnet(dropout, (64, 128, 256, 384), 2),
}


def make_network(name: str, dropout: float = 0.0) -> GreyNet:
    """A network with random weights.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in NETWORKS:
        raise ConfigError(f"no network for Fashion-MNIST is called {name!r}; choose one of {', '.join(NETWORKS)}")
    return NETWORKS[name](dropout)


def parameters(model: nn.Module) -> int:
    """How many numbers are learnt."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@torch.no_grad()
def predict(model: nn.Module, images: Tensor, views: int = 1, batch: int = 500) -> Tensor:
    """Probabilities (N, 10) of images (N, 28, 28) uint8, averaged over changed views.

    Args:
        model: a network.
        images: to answer for.
        views: 1, 2 or 10; see `FashionMnistConfig`.
        batch: images at once.
    """
    model.eval()
    return torch.cat([_averaged(model, part, views) for part in images.split(batch)])


def _averaged(model: nn.Module, images: Tensor, views: int) -> Tensor:
    moves = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)) if views == 10 else ((0, 0),)
    shown = [torch.roll(images, move, (1, 2)) for move in moves]
    if views > 1:
        shown += [view.flip(2) for view in shown]
    return torch.stack([model(view).softmax(1) for view in shown]).mean(0)
