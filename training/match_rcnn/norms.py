"""Statistics for normalisations that no weights bring: a ResNet from random weights does not train without them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.match_rcnn.batches import Batch
from training.match_rcnn.model import MatchRCNN
from training.match_rcnn.trunks import FrozenNorm

_LEAST = 1e-6  # variance of a channel that is the same everywhere


@torch.no_grad()
def measure_norms(model: MatchRCNN, batch: Batch) -> int:
    """Give every frozen normalisation the mean and variance of its own input on a batch, in one forward pass.

    Published weights come with statistics of the pictures that they were trained on. Random weights have none, and as
    the norms stay frozen, maps would double in size from block to block until the loss overflows. Each norm is measured
    on what those before it already give, as in Mishkin and Matas, 2016 ("All you need is a good init").

    Args:
        model: in training mode; changed in place.
        batch: pictures with their truths, on the model's device.

    Returns:
        How many norms were measured.
    """
    norms = [module for module in model.modules() if isinstance(module, FrozenNorm)]
    hooks = [norm.register_forward_pre_hook(_measure) for norm in norms]
    try:
        model(batch.images, batch.truths, batch.sizes)
    finally:
        for hook in hooks:
            hook.remove()
    return len(norms)


def _measure(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    x = inputs[0].float()
    norm.running_mean.copy_(x.mean((0, 2, 3)))
    norm.running_var.copy_(x.var((0, 2, 3), unbiased=False).clamp(min=_LEAST))
