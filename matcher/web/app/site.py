"""The pages. Their scripts ask the API; only the page about the models and the one about the API are whole at once."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse

from matcher.web.app.model_page import facts_of
from matcher.web.app.state import Shared
from matcher.web.token import allowed

router = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api", tags=["model"])
May = Annotated[bool, Depends(allowed)]
_PAGES = (("/", "Shop"), ("/videos", "Videos"), ("/review", "Review"), ("/model", "Model"), ("/docs", "API"))


@router.get("/")
def shop(request: Request, state: Shared, may: May) -> HTMLResponse:
    """Click to shop."""
    web = state.provider.name if state.provider is not None else ""
    return _page(request, "shop.html", may, web=web, catalogue=state.finder.pipeline.catalog is not None)


@router.get("/videos")
def videos(request: Request, state: Shared, may: May) -> HTMLResponse:
    """The queue of videos."""
    return _page(request, "videos.html", may, folder=state.videos is not None)


@router.get("/player")
def player(request: Request, may: May) -> HTMLResponse:
    """One video with its products."""
    return _page(request, "player.html", may)


@router.get("/review")
def review(request: Request, may: May) -> HTMLResponse:
    """Matches to judge, and the switch of the history."""
    return _page(request, "review.html", may)


@router.get("/model")
def model(request: Request, state: Shared, may: May) -> HTMLResponse:
    """What the models are."""
    return _page(request, "model.html", may, facts=facts_of(state.finder.pipeline))


@router.get("/docs")
def docs(request: Request, may: May) -> HTMLResponse:
    """What the API offers, from its own description."""
    schema = request.app.openapi()
    return _page(request, "docs.html", may, api=schema, operations=_operations(schema))


@api.get("/model")
def model_facts(state: Shared) -> dict[str, Any]:
    """The bundle's name, licence, origin and measured accuracy, and the facts of the catalogue."""
    return facts_of(state.finder.pipeline)


def _page(request: Request, name: str, may: bool, **values: Any) -> HTMLResponse:
    return request.app.state.pages.render(name, may=may, pages=_PAGES, here=request.url.path, **values)


def _operations(schema: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {})
            answers = {code: _type_of(answer.get("content", {})) for code, answer in operation["responses"].items()}
            found.append(
                {**operation, "path": path, "method": method.upper(), "body": _type_of(body), "answers": answers}
            )
    return found


def _type_of(content: dict[str, Any]) -> tuple[str, str]:
    """(media type, name of the schema), both empty where nothing is sent."""
    for kind, what in content.items():
        schema = what.get("schema", {})
        inner = schema.get("items", schema) if schema.get("type") == "array" else schema
        name = inner.get("$ref", "").rpartition("/")[2]
        return kind, f"list of {name}" if schema.get("type") == "array" and name else name
    return "", ""
