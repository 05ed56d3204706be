"""Losses against plain loops over listed pairs and triplets."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from matcher.errors import ConfigError
from training.embedder.losses import LOSSES, MultiSimilarity, SemiHardTriplet, SymmetricInfoNCE, make_loss


def unit(rows: int, width: int, seed: int) -> torch.Tensor:
    values = torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(values, dim=1)


def pairs(noise: float = 0.6) -> tuple[torch.Tensor, torch.Tensor]:
    shop = unit(6, 5, 1)
    return shop, torch.nn.functional.normalize(shop + noise * unit(6, 5, 2), dim=1)


def test_info_nce_is_the_mean_log_share_of_the_partner_in_both_directions() -> None:
    shop, worn = pairs()
    total, scale = 0.0, 16.0
    for first, second in ((shop, worn), (worn, shop)):
        for i in range(6):
            powers = [math.exp(scale * float(first[i] @ second[j])) for j in range(6)]
            total -= math.log(powers[i] / sum(powers)) / 6
    assert float(SymmetricInfoNCE(scale)(shop, worn).detach()) == pytest.approx(total / 2, rel=1e-4)


def test_info_nce_scale_is_learnt_and_limited() -> None:
    shop, worn = pairs()
    loss = SymmetricInfoNCE(scale=500.0, limit=10.0)
    lower = SymmetricInfoNCE(10.0, 10.0)(shop, worn).detach()
    assert float(loss(shop, worn).detach()) == pytest.approx(float(lower), rel=1e-5)
    free = SymmetricInfoNCE()
    free(shop, worn).backward()
    assert free.log_scale.grad is not None and float(free.log_scale.grad) != 0


def test_the_memory_adds_rivals_once_it_has_waited_but_never_the_garment_itself() -> None:
    shop, worn = pairs()
    numbers, others = torch.arange(6), torch.arange(6) + 6
    loss, plain = SymmetricInfoNCE(memory=12, dimension=5, patience=2), float(SymmetricInfoNCE()(shop, worn).detach())
    assert float(loss(unit(6, 5, 8), worn, others).detach()) > 0  # step 1 only fills
    assert float(loss(shop, worn, numbers).detach()) == pytest.approx(plain, rel=1e-5)  # so does step 2
    kept = (worn @ shop.T).fill_diagonal_(-1)  # the batch before, less the garment itself
    rivals = torch.cat([worn @ shop.T, worn @ unit(6, 5, 8).T, kept], 1) * 16
    back = torch.nn.functional.cross_entropy(rivals, numbers)
    there = torch.nn.functional.cross_entropy(shop @ worn.T * 16, numbers)
    assert float(loss(shop, worn, numbers).detach()) == pytest.approx(float(there + back) / 2, rel=1e-4)
    rivals = torch.cat([worn @ shop.T, kept, kept], 1) * 16  # twelve places, six a step: the first step's are gone
    back = torch.nn.functional.cross_entropy(rivals, numbers)
    assert float(loss(shop, worn, numbers).detach()) == pytest.approx(float(there + back) / 2, rel=1e-4)


def test_gradients_pass_while_the_memory_is_written() -> None:
    loss = SymmetricInfoNCE(memory=12, dimension=5, patience=1)
    for step in range(3):
        shop, worn = (part.requires_grad_() for part in pairs())
        loss(shop, worn, torch.arange(6) + 6 * step).backward()
        assert float(shop.grad.norm()) > 0 and float(worn.grad.norm()) > 0


def test_a_loss_without_memory_refuses_one() -> None:
    with pytest.raises(ConfigError, match="has no memory"):
        make_loss("triplet", 100, 8)


def plain_semihard(shop: torch.Tensor, worn: torch.Tensor, margin: float) -> float:
    both, names = torch.cat([shop, worn]).double().numpy(), [*range(len(shop))] * 2
    similar = both @ both.T
    violations = []
    for a in range(len(both)):
        for p in range(len(both)):
            for n in range(len(both)):
                if a != p and names[a] == names[p] and names[n] != names[a]:
                    gap = similar[a, p] - similar[a, n]
                    if 0 < gap <= margin:
                        violations.append(margin - gap)
    return float(np.mean([v for v in violations if v > 0])) if violations else 0.0


@pytest.mark.parametrize("noise", [0.3, 0.8, 1.5])
def test_triplet_averages_the_semi_hard_triplets(noise: float) -> None:
    shop, worn = pairs(noise)
    expected = plain_semihard(shop, worn, 0.2)
    assert expected > 0
    assert float(SemiHardTriplet(0.2)(shop, worn)) == pytest.approx(expected, rel=1e-4)


def test_triplet_without_a_valid_triplet_is_zero_and_has_a_gradient() -> None:
    shop = torch.eye(4, requires_grad=True)
    loss = SemiHardTriplet(0.2)(shop, shop)  # every partner at 1, every other at 0: farther than the margin
    assert float(loss.detach()) == 0
    loss.backward()
    assert shop.grad is None or bool(torch.isfinite(shop.grad).all())


def plain_multi_similarity(shop: torch.Tensor, worn: torch.Tensor) -> float:
    both, names = torch.cat([shop, worn]).double().numpy(), np.array([*range(len(shop))] * 2)
    similar, alpha, beta, base, epsilon = both @ both.T, 2.0, 40.0, 0.5, 0.1
    total = 0.0
    for a in range(len(both)):
        positives = [j for j in range(len(both)) if j != a and names[j] == names[a]]
        negatives = [j for j in range(len(both)) if names[j] != names[a]]
        hard_p = [j for j in positives if similar[a, j] - epsilon < max(similar[a, n] for n in negatives)]
        hard_n = [j for j in negatives if similar[a, j] + epsilon > min(similar[a, p] for p in positives)]
        pull = math.log1p(sum(math.exp(-alpha * (similar[a, j] - base)) for j in hard_p)) / alpha
        push = math.log1p(sum(math.exp(beta * (similar[a, j] - base)) for j in hard_n)) / beta
        total += pull + push
    return total / len(both)


def test_multi_similarity_matches_a_plain_loop() -> None:
    shop, worn = pairs()
    assert float(MultiSimilarity()(shop, worn)) == pytest.approx(plain_multi_similarity(shop, worn), rel=1e-3)


# Not the triplet loss: strangers paired at random leave few semi-hard triplets, so its value falls then too.
@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"triplet"}))
def test_the_loss_is_lower_for_partners_that_agree(name: str) -> None:
    shop, worn = pairs(0.4)
    loss = make_loss(name)
    assert float(loss(shop, worn).detach()) <= float(loss(shop, worn.roll(1, 0)).detach())


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_following_any_loss_brings_partners_together(name: str) -> None:
    shop, worn = (values.clone().requires_grad_() for values in pairs(1.5))
    loss, optimiser = make_loss(name), torch.optim.SGD([shop, worn], 0.1)
    before = hits(shop, worn)
    for _ in range(60):
        optimiser.zero_grad()
        loss(torch.nn.functional.normalize(shop, dim=1), torch.nn.functional.normalize(worn, dim=1)).backward()
        optimiser.step()
    assert before < hits(shop, worn) == 1


def hits(shop: torch.Tensor, worn: torch.Tensor) -> float:
    scores = torch.nn.functional.normalize(worn.detach(), dim=1) @ torch.nn.functional.normalize(shop.detach(), dim=1).T
    return float((scores.argmax(1) == torch.arange(len(scores))).float().mean())


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(ConfigError, match="choose one of"):
        make_loss("hope")
