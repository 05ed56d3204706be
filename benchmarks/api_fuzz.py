"""The web app's API under made-up requests (schemathesis): whatever is sent, no answer may be a server error."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI

from matcher.errors import BackendError

_MOST_TOLD = 10
_MOST_EACH = 60  # of one operation in a round


@dataclass
class Findings:
    """What the API answered.

    Attributes:
        cases: requests sent.
        operations: how many different ones.
        statuses: answers by status.
        errors: "METHOD path: status, body" of server errors, the first ten.
        server_errors: all of them.
        off_schema: answers that the API's own description does not allow, the first ten.
    """

    cases: int = 0
    operations: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    server_errors: int = 0
    off_schema: list[str] = field(default_factory=list)

    def add_error(self, words: str) -> None:
        """Count a server error and keep what is said of it."""
        self.server_errors += 1
        if len(self.errors) < _MOST_TOLD:
            self.errors.append(words)


@dataclass(frozen=True)
class Known:
    """Values that exist: made-up ones alone would hardly ever get behind the first look-up.

    Attributes:
        parameters: of paths and queries, by name.
        bodies: files, by the path of the operation that takes them.
    """

    parameters: Mapping[str, str] = field(default_factory=dict)
    bodies: Mapping[str, bytes] = field(default_factory=dict)


def fuzz(
    app: FastAPI,
    cases: int,
    bearer: str,
    known: Known | None = None,
    seed: int = 1,
    step: Callable[[], None] = lambda: None,
) -> Findings:
    """Send made-up requests to every operation of an app, valid and invalid ones, in rounds.

    Args:
        app: as made by `matcher.web.app.make.shop_app`, with its jobs running.
        cases: how many at least, spread over the operations as far as these have different ones.
        bearer: the token; one request in eight goes without it.
        known: put into two requests of three.
        seed: other seeds make other requests.
        step: called after each.

    Raises:
        BackendError: schemathesis is not installed.
    """
    try:
        import schemathesis
    except ImportError as error:
        raise BackendError("schemathesis is not installed: pip install 'asworn[dev]'") from error
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, headers={"Host": "localhost"})
    operations = [found.ok() for found in schema.get_all_operations()]
    findings, known = Findings(operations=len(operations)), known or Known()
    for turn in itertools.count():
        for operation in operations:
            if findings.cases >= cases:
                return findings
            share = max(min((cases - findings.cases) // len(operations), _MOST_EACH), 2)
            _fuzz_one(operation, share, seed + turn, lambda case: _send(case, bearer, known, findings, step))
    return findings


def _fuzz_one(operation: Any, count: int, seed: int, send: Callable[[Any], None]) -> None:
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded
    from hypothesis.errors import Unsatisfiable
    from schemathesis import GenerationMode

    how = {"deadline": None, "database": None, "phases": [Phase.generate], "suppress_health_check": list(HealthCheck)}
    for mode, share in ((GenerationMode.POSITIVE, count - count // 2), (GenerationMode.NEGATIVE, count // 2)):
        strategy = operation.as_strategy(generation_mode=mode)
        try:
            seeded(seed)(settings(max_examples=share, **how)(given(strategy)(send)))()
        except Unsatisfiable:
            continue  # what takes no values can be given no wrong ones


def _send(case: Any, bearer: str, known: Known, findings: Findings, step: Callable[[], None]) -> None:
    findings.cases += 1
    if findings.cases % 3:
        _put(case, known)
    headers = {"Host": "localhost"}
    if findings.cases % 8:
        headers["Authorization"] = f"Bearer {bearer}"
    step()
    where = f"{case.operation.method.upper()} {case.operation.path}"
    try:
        answer = case.call(headers=headers)
    except Exception as error:  # an app that is called without a server lets its errors through
        findings.add_error(f"{where}: {error!r}")
        return
    findings.statuses[answer.status_code] += 1
    where = f"{where}: {answer.status_code}"
    if answer.status_code >= 500 and not _is_told(answer):
        findings.add_error(f"{where}, {answer.text[:200]}")
    if answer.status_code < 300 and len(findings.off_schema) < _MOST_TOLD:
        findings.off_schema += _departures(case, answer, where)


def _put(case: Any, known: Known) -> None:
    """Put what exists into a made-up request."""
    for values in (case.path_parameters, case.query):
        for name in set(values or ()) & set(known.parameters):
            values[name] = known.parameters[name]
    if case.operation.path in known.bodies:
        case.body = known.bodies[case.operation.path]


def _is_told(answer: Any) -> bool:
    """503 with a plain line is what the API promises where too many wait."""
    return answer.status_code == 503 and "detail" in answer.text


def _departures(case: Any, answer: Any, where: str) -> list[str]:
    from schemathesis.checks import CHECKS

    check = CHECKS.get_one("response_schema_conformance")
    try:
        case.validate_response(answer, checks=[check])
    except AssertionError as error:
        return [f"{where}: {str(error)[:300]}"]
    except Exception as error:  # schemathesis raises groups of failures of its own
        return [f"{where}: {str(error)[:300]}"]
    return []
