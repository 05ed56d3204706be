"""Film-like frames: people of any size, several, cut by the frame, overlapping, in any light, on other backgrounds."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.data.backgrounds import drawn_background, photo_background
from training.data.cutouts import Cutout, Scene, cut_out, paste
from training.data.finish import finish
from training.data.photometric import degrade
from training.data.records import Sample
from training.data.rooms import furnished_room
from training.data.store import Store

# Share of photos chosen by type first: drawn as they come, few show belts, hats, skirts or leggings.
RARE_TYPES = 0.35
# Height of a person over the height of the frame, for wide, medium and close shots.
_SHOTS = {"wide": (0.14, 0.5), "full": (0.5, 1.0), "medium": (1.0, 1.6), "close": (1.6, 2.4)}
_SHOT_ODDS = (0.3, 0.34, 0.22, 0.14)
_CROWD = {"wide": (1, 7), "full": (1, 5), "medium": (1, 4), "close": (1, 3)}


def any_background(backgrounds: Store, canvas: tuple[int, int], rng: Generator) -> NDArray[np.uint8]:
    """A photographed or a drawn background of (height, width) pixels."""
    draw = rng.random()
    if draw < 0.55:
        return photo_background(backgrounds, canvas, rng)
    return drawn_background(canvas, rng) if draw < 0.8 else furnished_room(canvas, rng)


def compose_frame(photos: Store, backgrounds: Store, canvas: tuple[int, int], rng: Generator) -> Sample:
    """One frame; one in ten shows nobody.

    Args:
        photos: people to cut out.
        backgrounds: pictures without people.
        canvas: (height, width).
        rng: source of randomness.
    """
    scene = Scene.on(any_background(backgrounds, canvas, rng))
    darken = rng.uniform(0.3, 1.3) if rng.random() < 0.25 else 0.0
    if rng.random() > 0.1:
        _add_people(scene, photos, rng)
    return finish(degrade(scene.image, rng, darken), scene.ids, scene.types, np.array(scene.full))


def _add_people(scene: Scene, photos: Store, rng: Generator) -> None:
    shot = list(_SHOTS)[rng.choice(len(_SHOTS), p=_SHOT_ODDS)]
    count = min(int(rng.integers(*_CROWD[shot])), int(rng.integers(1, 7)))
    low, high = np.log(_SHOTS[shot])
    # Far people first: nearer ones are taller and stand in front.
    heights = np.sort(np.exp(rng.uniform(low, high, count)))
    horizon, match = rng.uniform(0.2, 0.55), rng.uniform(0.2, 1.0)
    for share in heights:
        person = cut_out(photos.draw(rng, RARE_TYPES))
        if person is not None:
            _stand(scene, person, float(share), horizon, match, rng)


def _stand(scene: Scene, person: Cutout, share: float, horizon: float, match: float, rng: Generator) -> None:
    height, width = scene.ids.shape
    scale = share * height / person.ids.shape[0]
    tall, broad = person.ids.shape[0] * scale, person.ids.shape[1] * scale
    if share < 1.0:
        # Feet lie the lower the nearer a person is; some are cut by the lower edge.
        feet = height * min(1.15, horizon + 0.45 * share + rng.uniform(0.0, 0.45))
        y = max(feet - tall, -0.25 * tall)
    else:
        y = height * rng.uniform(-0.15, 0.3)
        if rng.random() < 0.25:  # the head is out of the frame, or only legs are in it
            y = height - tall * rng.uniform(0.4, 1.1)
    x = rng.uniform(-0.35 * broad, width - 0.65 * broad)
    paste(scene, person, int(x), int(y), scale, bool(rng.random() < 0.5), match, rng)
