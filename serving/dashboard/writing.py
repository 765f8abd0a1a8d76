"""Writes through the prediction service, under the planner's name. What it refuses is one sentence."""

from __future__ import annotations

from typing import Any, Final

import httpx

from config.errors import NotWrittenError
from serving.dashboard.session import forget, planner
from serving.dashboard.startup import started

_PATIENCE_S: Final = 15.0


def why_not() -> str | None:
    """Why nothing can be written now, None if it can."""
    if started().api.problem:
        return f"nothing can be written now: {started().api.problem}"
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


def _content(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        found = None
    content: dict[str, Any] = found if isinstance(found, dict) else {}
    if answer.is_success:
        return content
    raise NotWrittenError(f"not written: {content.get('detail') or f'the service answered {answer.status_code}'}")
