"""Embedders of open_clip and timm on torch. Imported only when one is asked for; needs the extra [clip]."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from matcher.boxes import FILL
from matcher.errors import BackendError, BundleError, ConfigError
from matcher.foreign import RANDOM_SEED, ForeignEmbedder

MARGIN = 0.05  # of the box's longer side around the garment
_DINO_SIZE = 224  # a multiple of its patches of 14 pixels
_DINO_SHORT = ("small", "base", "large", "giant")
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_BATCH = 16


class TorchEmbedder:
    """A picture encoder as a session: crops and masks in, embeddings out. What the mask leaves out becomes grey."""

    def __init__(
        self, encoder: nn.Module, size: int, mean: tuple[float, ...], std: tuple[float, ...], device: str = "cpu"
    ) -> None:
        """Take an encoder.

        Args:
            encoder: (N, 3, size, size) normalised RGB to (N, D).
            size: side of the crops in pixels.
            mean: of the encoder's training pictures, RGB, 0..1.
            std: the same.
            device: a torch device.
        """
        self.provider = f"torch {device}"
        self._device = torch.device(device)
        self._encoder = encoder.eval().requires_grad_(False).to(self._device)
        self._mean, self._std = (torch.tensor(v, device=self._device).view(1, 3, 1, 1) for v in (mean, std))
        self.card = {"dimension": self._dimension(size), "input": {"size": size, "margin": MARGIN, "mask": True}}

    def run(self, **inputs: NDArray) -> dict[str, NDArray]:
        """Embed garments.

        Args:
            **inputs: `crops` (N, S, S, 3) uint8 BGR and `masks` (N, S, S) float32 0..1.

        Returns:
            `embedding` (N, D) float32, L2-normalised.
        """
        crops, masks = inputs["crops"], inputs["masks"]
        parts = [self._embed(crops[at : at + _BATCH], masks[at : at + _BATCH]) for at in range(0, len(crops), _BATCH)]
        return {"embedding": np.concatenate(parts)}

    @torch.inference_mode()
    def _embed(self, crops: NDArray[np.uint8], masks: NDArray[np.float32]) -> NDArray[np.float32]:
        inside = torch.from_numpy(masks).to(self._device).unsqueeze(1)
        rgb = torch.from_numpy(np.ascontiguousarray(crops)).to(self._device).permute(0, 3, 1, 2).flip(1).float()
        seen = (rgb * inside + FILL * (1 - inside)) / 255
        vectors = self._encoder((seen - self._mean) / self._std)
        return nn.functional.normalize(vectors.float(), dim=1).cpu().numpy()

    @torch.inference_mode()
    def _dimension(self, size: int) -> int:
        return int(self._encoder(torch.zeros(1, 3, size, size, device=self._device)).shape[1])


def load_foreign(section: dict[str, Any], device: str = "cpu", threads: int = 0) -> TorchEmbedder:
    """Load the embedder that a card's section names, see `ForeignEmbedder.section`.

    Args:
        section: backend, model, weights.
        device: cpu or cuda.
        threads: threads of torch, for all of the process; 0 = as they are.

    Raises:
        BackendError: the library or the device is missing.
        ConfigError: the library has no such model.
        BundleError: the weights do not fit the model.
    """
    if device != "cpu" and not torch.cuda.is_available():
        raise BackendError(f"torch finds no GPU here for the device {device}; use cpu")
    if threads:
        torch.set_num_threads(threads)
    weights = Path(section["weights"]) if section["weights"] else None
    wanted = ForeignEmbedder(section["backend"], section["model"], weights)
    # The weights of a seed must not depend on, nor change, what else the process draws.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        build: dict[str, Callable[..., TorchEmbedder]] = {"open_clip": _open_clip, "dinov2": _dinov2}
        return build[wanted.backend](wanted, "cpu" if device == "cpu" else "cuda")


def _open_clip(wanted: ForeignEmbedder, device: str) -> TorchEmbedder:
    import open_clip

    if wanted.model not in open_clip.list_models():
        raise ConfigError(
            f"open_clip has no model {wanted.model!r}; python -c 'import open_clip as o; o.list_models()'"
        )
    # Never by a tag: that would download weights nobody named.
    model = open_clip.create_model(wanted.model, pretrained=None, load_weights=False)
    if wanted.weights is not None:
        _fill(wanted, lambda path: open_clip.load_checkpoint(model, path, weights_only=True))
    settings = open_clip.get_model_preprocess_cfg(model)
    size = settings["size"] if isinstance(settings["size"], int) else max(settings["size"])
    return TorchEmbedder(model.visual, size, settings["mean"], settings["std"], device)


def _dinov2(wanted: ForeignEmbedder, device: str) -> TorchEmbedder:
    import timm
    from timm.models import load_checkpoint
    from timm.models.vision_transformer import checkpoint_filter_fn

    name = f"vit_{wanted.model}_patch14_dinov2" if wanted.model in _DINO_SHORT else wanted.model
    if name not in timm.list_models("*dinov2*"):
        raise ConfigError(f"there is no DINOv2 model {wanted.model!r}; the models are {', '.join(_DINO_SHORT)}")
    model = timm.create_model(name, pretrained=False, num_classes=0, img_size=_DINO_SIZE)
    if wanted.weights is not None:
        _fill(wanted, lambda path: load_checkpoint(model, path, filter_fn=checkpoint_filter_fn, weights_only=True))
    return TorchEmbedder(model, _DINO_SIZE, *_IMAGENET, device)


def _fill(wanted: ForeignEmbedder, load: Callable[[str], Any]) -> None:
    """Load weights; whatever the libraries raise becomes one line."""
    if wanted.weights.suffix in (".npz", ".npy"):
        raise BundleError(f"{wanted.weights} is of a format that is not read; use .safetensors, .pt or .pth")
    try:
        load(str(wanted.weights))
    except Exception as error:  # a dozen kinds, for a damaged file alone
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise BundleError(f"{wanted.weights} does not fit {wanted.name}: {first}") from error
