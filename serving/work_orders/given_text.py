"""Checks the texts that a person gives: they fit their columns, and hold nothing that steers a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from config.errors import RequestError
from config.plain_text import is_plain

# Characters, as the columns have; texts of several lines have a limit of their own.
_MOST: Final = {"title": 200, "assigned_to": 100, "external_id": 100, "draft_key": 100, "channel": 50}
_MOST_IN_LINES: Final = {"description": 20_000, "reason": 2_000, "note": 2_000}


def require_texts(values: Mapping[str, Any]) -> None:
    """Raise RequestError for each text among `values` by name that is blank, too long, or holds control characters. None is no text."""
    wrong = []
    for name, text in values.items():
        most = _MOST.get(name) or _MOST_IN_LINES.get(name)
        if most is None or not isinstance(text, str):
            continue
        bare = text.replace("\r\n", "\n").replace("\n", " ") if name in _MOST_IN_LINES else text
        if not text.strip() and name != "description":
            wrong.append((name, "must not be blank"))
        elif len(text) > most:
            wrong.append((name, f"has {len(text)} characters; at most {most} are kept"))
        elif not is_plain(bare):
            wrong.append((name, "holds a control character or a mark of direction: write plain text"))
    if wrong:
        raise RequestError(*wrong)
