"""Writes through the prediction service, under the planner's name. What it refuses is one sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import httpx

from config.errors import NotReadyError, NotWrittenError
from serving.client.client import AltavizClient
from serving.dashboard.session import forget, planner
from serving.dashboard.startup import started

AnswerT = TypeVar("AnswerT")

_PATIENCE_S: Final = 15.0


def why_not() -> str | None:
    """Why nothing can be written now, None if it can."""
    if started().api.problem:
        return f"nothing can be written now: {started().api.problem}"
    if started().as_of is not None:  # a draft would take its numbers from another moment than the page
        return "these pages show a past moment, and can only be read: open them without --as-of to write"
    return None if planner() else "give your name first, at the top of the page"


def write(method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Send a change with the planner's name, and read everything anew. Returns the answer. Raises NotWrittenError."""
    api = started().api
    reason = why_not()
    if reason is not None or api.url is None:
        raise NotWrittenError(reason or "the prediction service has no address")
    headers = {"Authorization": f"Bearer {api.key}"} if api.key else {}
    try:
        answer = httpx.request(method, f"{api.url}{path}", json={**body, "by": planner()}, headers=headers, timeout=_PATIENCE_S)
    except httpx.HTTPError as error:
        raise NotWrittenError(f"the prediction service does not answer ({type(error).__name__}): try again, or start it anew") from error
    forget()
    return _content(answer)


def ask(question: Callable[[AltavizClient], AnswerT]) -> AnswerT:
    """What the service alone can answer. Raises NotReadyError without a service, and ServiceError when it refuses."""
    api = started().api
    if api.url is None:
        raise NotReadyError(api.problem or "the prediction service has no address")
    with AltavizClient(api.url, api.key, timeout_s=_PATIENCE_S) as client:
        return question(client)


def _content(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        found = None
    content: dict[str, Any] = found if isinstance(found, dict) else {}
    if answer.is_success:
        return content
    raise NotWrittenError(f"not written: {content.get('detail') or f'the service answered {answer.status_code}'}")
