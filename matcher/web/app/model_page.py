"""What a page tells of the models: the bundle's card in words."""

from __future__ import annotations

from typing import Any

from matcher.pipeline import Pipeline

_MOST = 60  # figures of one model


def facts_of(pipeline: Pipeline) -> dict[str, Any]:
    """Name, licence, origin, models with their measured accuracy, and the catalogue's facts, for a page or the API."""
    bundle, catalog = pipeline.bundle, pipeline.catalog
    card = bundle.card
    models = [_model(name, section) for name, section in card["models"].items()]
    shown = ("products", "vectors", "kind", "generation", "created", "dimension")
    info = catalog.info() if catalog is not None else {}
    return {
        "name": bundle.name,
        "hash": bundle.hash,
        "licence": str(card.get("licence", "")),
        "origin": [_origin(one) for one in card.get("origin", [])],
        "models": models,
        "catalogue": {name: info[name] for name in shown if name in info},
        "backend": pipeline.config.backend,
        "device": pipeline.config.device,
    }


def _model(name: str, section: dict[str, Any]) -> dict[str, Any]:
    figures = dict(list(_flat(section.get("measured", {})))[:_MOST])
    shown = {key: section[key] for key in ("input", "attributes", "calibration") if key in section}
    settings = dict(_flat(shown))
    return {"name": name, "file": str(section.get("file", "")), "figures": figures, "settings": settings}


def _origin(one: Any) -> dict[str, str]:
    values = one if isinstance(one, dict) else {"name": one}
    return {name: str(values.get(name, "")) for name in ("name", "licence", "used_for")}


def _flat(value: Any, path: str = "") -> Any:
    """(name, text) of every value inside of nested tables."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{path} {key}".strip())
    elif isinstance(value, float):
        yield path, f"{value:.4g}"
    elif isinstance(value, (list, tuple)):
        yield path, ", ".join(map(str, value))
    elif value is not None:
        yield path, str(value)
