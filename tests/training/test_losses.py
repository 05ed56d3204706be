"""Losses against plain loops over listed pairs and triplets."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from matcher.errors import ConfigError
from training.embedder.losses import LOSSES, SymmetricInfoNCE, make_loss
from training.embedder.metric_losses import (
    PROXIES,
    BatchHardTriplet,
    Circle,
    Contrastive,
    MultiSimilarity,
    SemiHardTriplet,
    SupCon,
)


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


def joined(shop: torch.Tensor, worn: torch.Tensor) -> tuple[np.ndarray, list[int]]:
    """Cosines of all views with all views, and whose views they are."""
    both = torch.cat([shop, worn]).double().numpy()
    return both @ both.T, [*range(len(shop))] * 2


def plain_batch_hard(shop: torch.Tensor, worn: torch.Tensor, margin: float) -> float:
    similar, names = joined(shop, worn)
    violations = []
    for a in range(len(names)):
        partner = min(similar[a, j] for j in range(len(names)) if j != a and names[j] == names[a])
        stranger = max(similar[a, j] for j in range(len(names)) if names[j] != names[a])
        violations.append(max(margin + stranger - partner, 0.0))
    positive = [v for v in violations if v > 0]
    return sum(positive) / len(positive) if positive else 0.0


def plain_contrastive(shop: torch.Tensor, worn: torch.Tensor, limit: float) -> float:
    similar, names = joined(shop, worn)
    pull, push = [], []
    for a in range(len(names)):
        for b in range(len(names)):
            if a != b and names[a] == names[b]:
                pull.append(1 - similar[a, b])
            elif a != b:
                push.append(similar[a, b] - limit)
    means = [sum(v for v in part if v > 0) / max(sum(v > 0 for v in part), 1) for part in (pull, push)]
    return sum(means)


def plain_circle(shop: torch.Tensor, worn: torch.Tensor, margin: float, scale: float) -> float:
    similar, names = joined(shop, worn)
    total = 0.0
    for a in range(len(names)):
        near = [similar[a, j] for j in range(len(names)) if j != a and names[j] == names[a]]
        far = [similar[a, j] for j in range(len(names)) if names[j] != names[a]]
        pull = sum(math.exp(-scale * max(1 + margin - s, 0) * (s - 1 + margin)) for s in near)
        push = sum(math.exp(scale * max(s + margin, 0) * (s - margin)) for s in far)
        total += math.log1p(pull * push)
    return total / len(names)


def plain_supcon(shop: torch.Tensor, worn: torch.Tensor, temperature: float) -> float:
    similar, names = joined(shop, worn)
    total = 0.0
    for a in range(len(names)):
        powers = {j: math.exp(similar[a, j] / temperature) for j in range(len(names)) if j != a}
        partners = [j for j in powers if names[j] == names[a]]
        total -= sum(math.log(powers[j] / sum(powers.values())) for j in partners) / len(partners)
    return total / len(names)


@pytest.mark.parametrize("noise", [0.3, 0.8, 1.5])
@pytest.mark.parametrize(
    ("loss", "plain"),
    [
        (BatchHardTriplet(0.2), lambda shop, worn: plain_batch_hard(shop, worn, 0.2)),
        (Contrastive(0.3), lambda shop, worn: plain_contrastive(shop, worn, 0.3)),
        (Circle(0.4, 16.0), lambda shop, worn: plain_circle(shop, worn, 0.4, 16.0)),
        (SupCon(0.1), lambda shop, worn: plain_supcon(shop, worn, 0.1)),
    ],
    ids=["triplet_hard", "contrastive", "circle", "supcon"],
)
def test_losses_over_pairs_match_plain_loops(loss: torch.nn.Module, plain: object, noise: float) -> None:
    shop, worn = pairs(noise)
    expected = plain(shop, worn)
    assert expected > 0
    assert float(loss(shop, worn)) == pytest.approx(expected, rel=1e-3)


def test_batch_hard_is_zero_where_every_stranger_is_far() -> None:
    shop = torch.eye(4)
    assert float(BatchHardTriplet(0.2)(shop, shop)) == 0


def plain_margin_softmax(cosines: np.ndarray, names: list[int], turn: object, scale: float) -> float:
    total = 0.0
    for row, own in zip(cosines, names, strict=True):
        logits = [scale * (turn(c) if j == own else c) for j, c in enumerate(row)]
        total -= logits[own] - math.log(sum(math.exp(v) for v in logits))
    return total / len(names)


def plain_proxy_anchor(cosines: np.ndarray, names: list[int], margin: float, alpha: float) -> float:
    seen, pull, push = set(names), 0.0, 0.0
    for j in range(cosines.shape[1]):
        own = [math.exp(-alpha * (cosines[i, j] - margin)) for i in range(len(names)) if names[i] == j]
        others = [math.exp(alpha * (cosines[i, j] + margin)) for i in range(len(names)) if names[i] != j]
        pull += math.log1p(sum(own))
        push += math.log1p(sum(others))
    return pull / len(seen) + push / cosines.shape[1]


def arc(cosine: float) -> float:
    angle, margin = math.acos(cosine), math.radians(28.6)
    return math.cos(angle + margin) if angle <= math.pi - margin else cosine - margin * math.sin(margin)


@pytest.mark.parametrize("name", PROXIES)
def test_losses_with_proxies_match_plain_loops_and_leave_colourways_out(name: str) -> None:
    torch.manual_seed(3)
    shop, worn = pairs(0.8)
    loss = make_loss(name, dimension=5, classes=9)
    (proxies,) = loss.parameters()
    vectors = (proxies if name == "proxy_anchor" else proxies.T).detach()
    both = torch.cat([shop[:4], worn[:4]]).double()
    cosines = (both @ torch.nn.functional.normalize(vectors, dim=1).double().T).numpy()
    names = [7, 0, 2, 5] * 2
    plain = {
        "arcface": lambda: plain_margin_softmax(cosines, names, arc, 32),
        "cosface": lambda: plain_margin_softmax(cosines, names, lambda c: c - 0.35, 32),
        "proxy_anchor": lambda: plain_proxy_anchor(cosines, names, 0.1, 32),
    }
    numbers = torch.tensor([7, 0, 2, 5, -41, -3])  # the last two are dyed
    assert float(loss(shop, worn, numbers).detach()) == pytest.approx(plain[name](), rel=1e-3)
    nothing = loss(shop.clone().requires_grad_(), worn, torch.full((6,), -1))
    nothing.backward()
    assert float(nothing.detach()) == 0


def test_a_loss_with_proxies_must_know_how_many() -> None:
    with pytest.raises(ConfigError, match="set classes to the number of garments"):
        make_loss("arcface", dimension=8)


def a_loss(name: str) -> torch.nn.Module:
    torch.manual_seed(5)
    return make_loss(name, dimension=5, classes=6)


# Not the semi-hard triplets: strangers paired at random leave few of them, so its value falls then too. Proxies
# compare no partners.
@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"triplet", *PROXIES}))
def test_the_loss_is_lower_for_partners_that_agree(name: str) -> None:
    shop, worn = pairs(0.4)
    loss = a_loss(name)
    assert float(loss(shop, worn).detach()) <= float(loss(shop, worn.roll(1, 0)).detach())


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_following_any_loss_brings_partners_together(name: str) -> None:
    shop, worn = (values.clone().requires_grad_() for values in pairs(1.5))
    loss, numbers = a_loss(name), torch.arange(6)
    optimiser = torch.optim.SGD([shop, worn, *loss.parameters()], 0.1)
    before = hits(shop, worn)
    for _ in range(60 if name not in PROXIES else 300):
        optimiser.zero_grad()
        loss(torch.nn.functional.normalize(shop, dim=1), torch.nn.functional.normalize(worn, dim=1), numbers).backward()
        optimiser.step()
    assert before < hits(shop, worn) == 1


def hits(shop: torch.Tensor, worn: torch.Tensor) -> float:
    scores = torch.nn.functional.normalize(worn.detach(), dim=1) @ torch.nn.functional.normalize(shop.detach(), dim=1).T
    return float((scores.argmax(1) == torch.arange(len(scores))).float().mean())


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(ConfigError, match="choose one of"):
        make_loss("hope")
