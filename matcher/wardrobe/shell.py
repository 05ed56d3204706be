"""Cloth hung round the torso and the legs: the shared surface of tops, jackets, coats, dresses and skirts."""

from __future__ import annotations

import numpy as np

from matcher.wardrobe.body import Skeleton, leg_girth
from matcher.wardrobe.cuts import Cut
from matcher.wardrobe.figure import torso_surface
from matcher.wardrobe.mesh import smooth_step
from matcher.wardrobe.noise import stream

HANG_FROM = 0.90


def hang(
    skeleton: Skeleton, cut: Cut, seed: int, y: np.ndarray, angle: np.ndarray, ease: float | None = None
) -> np.ndarray:
    """Points on cloth that hangs round the body.

    Args:
        skeleton: posed body.
        cut: its ease, looseness, flare and pleats are used.
        seed: fixes the folds.
        y: heights on the upright body, metres.
        angle: round the body, 0 is the front; same shape as `y`.
        ease: distance from the skin instead of the cut's, metres.

    Returns:
        (..., 3) float32 metres, posed.
    """
    ease = cut.ease if ease is None else ease
    room = ease * (1 - 0.55 * smooth_step(y, 1.36, 1.46)) + _slack(skeleton, cut, y)
    room = room + _folds(cut, seed, y, angle)
    upper = torso_surface(skeleton, np.maximum(y, HANG_FROM - 0.05), angle, room)
    if float(y.min()) >= HANG_FROM:
        return upper
    lower = _round_legs(skeleton, cut, seed, y, angle, ease)
    share = smooth_step(y, HANG_FROM - 0.10, HANG_FROM)[..., None]
    return (upper * share + lower * (1 - share)).astype(np.float32)


def _slack(skeleton: Skeleton, cut: Cut, y: np.ndarray) -> np.ndarray:
    """Extra distance where loose cloth does not follow the waist, metres."""
    wide, _, _ = skeleton.build.torso(y)
    ends, _, _ = skeleton.build.torso(np.array([0.92, 1.26]))
    chord = np.interp(y, [0.92, 1.26], ends)
    return cut.loose * np.maximum(chord - wide, 0) * (1 - smooth_step(y, 1.2, 1.28))


def _folds(cut: Cut, seed: int, y: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Waves of the cloth round the body, metres; stronger towards the hem and in loose cloth."""
    rng = stream(seed, "waves")
    waves = np.zeros_like(y)
    top = max(cut.hem + 0.2, 1.2)
    grow = np.clip((top - y) / max(0.1, top - cut.hem), 0, 1)
    for count in (3, 5, 8):
        phase, lean = rng.uniform(0, 6.3), rng.uniform(-4, 4)
        waves += np.sin(count * angle + phase + lean * y) / count
    return waves * grow * (0.003 + 0.16 * cut.ease * cut.loose)


def leg_extent(skeleton: Skeleton, y: np.ndarray) -> tuple[np.ndarray, ...]:
    """Reach of both legs at heights `y` over the ground: left, right, front and back, metres, same shape as `y`."""
    sides = []
    for side in (0, 1):
        spine = skeleton.leg_spine(side, 24)
        girth = leg_girth(np.linspace(0, 1, 24)) * skeleton.build.limb
        order = np.argsort(spine[:, 1])
        sides.append([np.interp(y, spine[order, 1], values[order]) for values in (spine[:, 0], spine[:, 2], girth)])
    (lx, lz, lg), (rx, rz, rg) = sides
    return (
        np.maximum(lx + lg, rx + rg),
        np.minimum(lx - lg, rx - rg),
        np.maximum(lz + lg, rz + rg),
        np.minimum(lz - lg, rz - rg),
    )


def _round_legs(skeleton: Skeleton, cut: Cut, seed: int, y: np.ndarray, angle: np.ndarray, ease: float) -> np.ndarray:
    wide, deep, forward = skeleton.build.torso(np.full(1, 0.88))
    level = y - skeleton.drop
    left, right, front, back = leg_extent(skeleton, level)
    fall = np.maximum(HANG_FROM - 0.02 - y, 0)
    spread = cut.flare * fall * (1 - 0.25 * fall)
    half_x = np.maximum(wide + ease + spread, (left - right) / 2 + 0.018)
    half_z = np.maximum(deep + ease + spread * 0.85, (front - back) / 2 + 0.018)
    centre_x = (left + right) / 2 * smooth_step(fall, 0.0, 0.3)
    centre_z = forward + ((front + back) / 2 - forward) * smooth_step(fall, 0.0, 0.35)
    wave = _skirt_waves(cut, seed, angle, fall)
    return np.stack(
        [centre_x + half_x * wave * np.sin(angle), level + 0 * angle, centre_z + half_z * wave * np.cos(angle)], -1
    )


def _skirt_waves(cut: Cut, seed: int, angle: np.ndarray, fall: np.ndarray) -> np.ndarray:
    """Factor on the radius of a skirt."""
    rng = stream(seed, "skirt waves")
    if cut.pleats:
        saw = (angle / (2 * np.pi) * cut.pleats) % 1
        return 1 + (0.05 * np.abs(saw - 0.5) - 0.012) * np.clip(0.3 + fall * 2.5, 0, 1.2)
    strength = 0.012 + 0.20 * max(0.0, cut.flare)
    waves = sum(np.sin(count * angle + rng.uniform(0, 6.3)) / (k + 1.5) for k, count in enumerate((5, 8, 11)))
    return 1 + waves * strength * np.clip(fall * 2.2, 0, 1) * 0.5
