"""Errors as application/problem+json (RFC 9457): the error, its fields, and when to retry."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from config.errors import (
    AltavizError,
    ConflictError,
    ModelMismatchError,
    NoChampionError,
    NotFoundError,
    NotReadyError,
    RequestError,
    WarehouseError,
)
from config.logs import get_log, place_of
from config.plain_text import plain_text
from serving.api.exchange import present_request_id
from serving.messages.problem import FieldProblem, Problem

MEDIA_TYPE = "application/problem+json"
_RETRY_AFTER_S = "1"
_MOST_NAMED: Final = 10  # problems of one request in an answer


def problem_of(error: Exception) -> Response:
    """The answer to a request that failed with `error`. An unexpected error is logged, and its text stays inside."""
    if isinstance(error, RequestError):
        return _wrong_request(error)
    if isinstance(error, NotFoundError):
        return problem(HTTPStatus.NOT_FOUND, str(error))
    if isinstance(error, ConflictError):
        return problem(HTTPStatus.CONFLICT, str(error), state=error.state, allowed=list(error.allowed))
    if isinstance(error, HTTPException):
        return problem(error.status_code, str(error.detail))
    if isinstance(error, NoChampionError | NotReadyError):
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
    if isinstance(error, WarehouseError):  # its text has host and database
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "the warehouse (PostgreSQL) cannot be used: the service connects again by itself")
    if isinstance(error, ModelMismatchError):  # its text has paths; the log has it already
        return problem(
            HTTPStatus.SERVICE_UNAVAILABLE, "the champion's file is not the one that was decided on: see the log, or run `altaviz doctor`"
        )
    if isinstance(error, AltavizError):
        get_log().error("request failed", reason=str(error))
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "the service cannot answer: its log has the reason")
    get_log().error("unexpected failure", error=repr(error), **place_of(error))
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the service failed: its log has the reason")


def _wrong_request(error: RequestError) -> Response:
    """The first problems, and the number of all."""
    named = error.problems[:_MOST_NAMED]
    detail = "; ".join(f"{field}: {reason}" for field, reason in named)
    more = len(error.problems) - len(named)
    return problem(error.status, f"{detail}; and {more} more" if more else detail, *named, errors_total=len(error.problems))


def too_many_requests(most_per_minute: int, wait_s: int) -> Response:
    """The answer to a key that has used up its minute. The header Retry-After has the seconds to wait."""
    response = problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"this key may send {most_per_minute} requests a minute: send the next one in {wait_s} s, or ask for more",
    )
    response.headers["Retry-After"] = str(wait_s)
    return response


def problem(status: int, detail: str, *fields: tuple[str, str], errors_total: int = 0, **more: Any) -> Response:
    """A problem document, with `more` members of Problem. Status 503 gives the time to retry, 401 the way to authenticate."""
    title = HTTPStatus(status).phrase
    errors = [FieldProblem(field=plain_text(name), detail=plain_text(text)) for name, text in fields]
    document = Problem(
        title=title,
        status=status,
        detail=plain_text(detail),
        request_id=present_request_id(),
        errors=errors,
        errors_total=errors_total,
        **more,
    )
    headers = {}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = _RETRY_AFTER_S
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    body = document.model_dump_json(exclude=None if fields else {"errors", "errors_total"}, exclude_none=True)
    return Response(body, status, headers, MEDIA_TYPE)
