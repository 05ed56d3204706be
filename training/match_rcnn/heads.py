"""The layers that look at single boxes: class and box, mask, landmarks, attributes, match."""

from __future__ import annotations

from torch import Tensor, nn


def _he(layer: nn.Conv2d | nn.ConvTranspose2d) -> None:
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    nn.init.zeros_(layer.bias)


def convolutions(channels: int, width: int, count: int) -> list[nn.Module]:
    """`count` 3x3 convolutions of `width` channels, each followed by its non-linearity."""
    layers: list[nn.Module] = []
    for i in range(count):
        layers += [nn.Conv2d(channels if i == 0 else width, width, 3, padding=1), nn.ReLU(inplace=True)]
        _he(layers[-2])
    return layers


class BoxHead(nn.Sequential):
    """Fully connected layers on a pooled box: (N, C, cells, cells) -> (N, width)."""

    def __init__(self, inputs: int, width: int, layers: int) -> None:
        """Take `inputs` numbers to `width` in `layers` layers."""
        parts: list[nn.Module] = [nn.Flatten()]
        for i in range(layers):
            parts += [nn.Linear(inputs if i == 0 else width, width), nn.ReLU(inplace=True)]
            nn.init.kaiming_uniform_(parts[-2].weight, a=1)
            nn.init.zeros_(parts[-2].bias)
        super().__init__(*parts)


class BoxPredictor(nn.Module):
    """Class logits, the background last, and offsets for each class or for all of them."""

    def __init__(self, width: int, classes: int, agnostic: bool) -> None:
        """`classes` does not count the background."""
        super().__init__()
        self.score = nn.Linear(width, classes + 1)
        self.refine = nn.Linear(width, 4 * (1 if agnostic else classes))
        nn.init.normal_(self.score.weight, std=0.01)
        nn.init.normal_(self.refine.weight, std=0.001)
        nn.init.zeros_(self.score.bias)
        nn.init.zeros_(self.refine.bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, width) -> logits (N, classes + 1), offsets (N, 4 K)."""
        return self.score(x), self.refine(x)


class MaskHead(nn.Module):
    """Convolutions on a pooled box, then twice the size: (N, C, s, s) -> (N, K, 2 s, 2 s) logits."""

    def __init__(self, channels: int, width: int, count: int, classes: int) -> None:
        """Build `count` convolutions of `width` channels, and `classes` masks."""
        super().__init__()
        self.convolutions = nn.Sequential(*convolutions(channels, width, count))
        self.upsample = nn.ConvTranspose2d(width if count else channels, width, 2, 2)
        self.predictor = nn.Conv2d(width, classes, 1)
        _he(self.upsample)
        nn.init.normal_(self.predictor.weight, std=0.001)
        nn.init.zeros_(self.predictor.bias)

    def forward(self, pooled: Tensor) -> Tensor:
        """See the class."""
        return self.predictor(self.upsample(self.convolutions(pooled)).relu())


class LandmarkHead(nn.Module):
    """Eight convolutions, then four times the size: (N, C, s, s) -> (N, L, 4 s, 4 s) logits over places."""

    def __init__(self, channels: int, width: int, landmarks: int) -> None:
        """One map for each of `landmarks` landmarks."""
        super().__init__()
        self.convolutions = nn.Sequential(*convolutions(channels, width, 8))
        self.score = nn.ConvTranspose2d(width, landmarks, 4, 2, 1)
        _he(self.score)

    def forward(self, pooled: Tensor) -> Tensor:
        """See the class."""
        maps = self.score(self.convolutions(pooled))
        return nn.functional.interpolate(maps, scale_factor=2.0, mode="bilinear", align_corners=False)
