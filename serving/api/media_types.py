"""Which media type an answer has, by the request's Accept."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from config.errors import RequestError


def media_type(content_type: str) -> str:
    """The media type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def chosen(accept: str, offered: Sequence[str], default: str) -> str:
    """The first media type of `accept` that is offered; `default` for a wildcard, or without the header. Raises RequestError (406)."""
    wanted = [part for part in accept.split(",") if part.strip()]
    for part in wanted or ["*/*"]:
        kind, refused = media_type(part), part.replace(" ", "").lower().endswith((";q=0", ";q=0.0"))
        if refused:
            continue
        if kind in offered:
            return kind
        if kind in ("*/*", "application/*"):
            return default
    raise RequestError(("Accept", f"must name one of {', '.join(offered)}"), status=HTTPStatus.NOT_ACCEPTABLE)
