"""Errors as answers: the same plain line that the command line would print, and never a traceback."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse

from matcher.errors import InputError, MatcherError
from matcher.web.policy import Policy


def answer_errors(app: FastAPI, policy: Policy) -> None:
    """Let an app answer our errors as JSON `{"detail": ...}`: 400 for a user's mistake, 503 for other known ones."""

    async def known(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 400 if isinstance(error, InputError) else 503)

    async def unknown(_: Request, error: Exception) -> JSONResponse:
        # This answer is made outside of the middleware that adds these headers.
        return JSONResponse({"detail": "this is unexpected; the server's log says more"}, 500, policy.headers)

    app.add_exception_handler(MatcherError, known)
    app.add_exception_handler(Exception, unknown)
