"""What a client's call can raise: the service refused it, or does not answer."""

from __future__ import annotations

from http import HTTPStatus

import httpx
from pydantic import ValidationError

from config.errors import ServiceError
from serving.messages.problem import Problem


class RefusedError(ServiceError):
    """The service refused a request, or failed. It says why in `problem`; `retry_after_s` is the time to wait, where it gave one."""

    def __init__(self, problem: Problem, retry_after_s: float | None = None) -> None:
        super().__init__(f"{problem.status} {problem.title}: {problem.detail}")
        self.problem = problem
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status


class WrongRequestError(RefusedError):
    """A field of the request is wrong (400, 413, 415, 422). The fields are in `problem.errors`."""


class NotAllowedError(RefusedError):
    """The key is missing or wrong, or its role does not allow the request (401, 403, 421)."""


class UnknownIdError(RefusedError):
    """The id names nothing (404)."""


class WrongStateError(RefusedError):
    """The present state does not allow the act (409): `problem.state`, and what it allows, `problem.allowed`."""


class BusyError(RefusedError):
    """The service is busy or lacks a part (429, 503): send the same request again after `retry_after_s`."""


class UnreachableError(ServiceError):
    """No answer came: no connection, or a timeout. A request that writes may have been done: look before sending it again."""


_KINDS: dict[int, type[RefusedError]] = {
    HTTPStatus.BAD_REQUEST: WrongRequestError,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: WrongRequestError,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: WrongRequestError,
    HTTPStatus.UNPROCESSABLE_ENTITY: WrongRequestError,
    HTTPStatus.UNAUTHORIZED: NotAllowedError,
    HTTPStatus.FORBIDDEN: NotAllowedError,
    HTTPStatus.MISDIRECTED_REQUEST: NotAllowedError,
    HTTPStatus.NOT_FOUND: UnknownIdError,
    HTTPStatus.CONFLICT: WrongStateError,
    HTTPStatus.TOO_MANY_REQUESTS: BusyError,
    HTTPStatus.SERVICE_UNAVAILABLE: BusyError,
}


def refusal_of(answer: httpx.Response) -> RefusedError:
    """The error of an answer with a status of 400 or more. What is between client and service may answer without a problem document."""
    try:
        problem = Problem.model_validate_json(answer.content)
    except ValidationError:
        title = answer.reason_phrase or "no success"
        problem = Problem(
            title=title, status=answer.status_code, detail=f"{answer.request.url} answered no problem document", request_id=""
        )
    wait = answer.headers.get("retry-after", "")
    return _KINDS.get(answer.status_code, RefusedError)(problem, float(wait) if wait.isdecimal() else None)
