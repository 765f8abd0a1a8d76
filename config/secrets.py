"""Hides passwords in text: no message, log or response shows one."""

from __future__ import annotations

import re
from typing import Any, Final

_HIDDEN: Final = "***"
_WORD: Final = r"(password|passwd|api_key|apikey|secret|token)"  # also at the end of others, such as DB_PASSWORD
_QUOTED: Final = r"(?:\\.|[^\\\n]){0,4096}?"  # up to the same quote that is not escaped
_IN_ADDRESS: Final = re.compile(r"(://[^:/?#\s@]*):[^\s'\"]*@")  # scheme://user:password@host; a password may hold an @
_AS_PARAMETER: Final = re.compile(rf"(?i){_WORD}=(?:(\\*['\"]){_QUOTED}\2|(?:\\[^'\"\s]|[^\s&;,'\")\\])+)")
_AS_FIELD: Final = re.compile(rf"(?i)({_WORD}\\*['\"]\s*:\s*)(\\*['\"]){_QUOTED}\3")  # of JSON, or of a Python dict
_KEY: Final = re.compile(r"(altaviz_[a-z0-9]{10}_)[A-Za-z0-9_-]{16,}")  # of the service (serving.access.keys); its id stays
_NAME: Final = re.compile(rf"(?i){_WORD}$")


def hide_passwords(text: str) -> str:
    """`text` with `***` in place of passwords.

    They are found in addresses (`postgresql://user:...@host`), behind `password=` and the like, and in quoted
    fields. Of a key of the service only the id stays.
    """
    text = _KEY.sub(rf"\1{_HIDDEN}", _IN_ADDRESS.sub(rf"\1:{_HIDDEN}@", text))
    return _AS_FIELD.sub(rf"\1\3{_HIDDEN}\3", _AS_PARAMETER.sub(rf"\1={_HIDDEN}", text))


def hide_in_values(value: Any) -> Any:
    """A JSON value with the passwords in its strings hidden.

    Every string passes `hide_passwords`. Strings of a key such as `password` become `***`.
    """
    if isinstance(value, dict):
        return {
            hide_passwords(key): _HIDDEN if isinstance(item, str) and _NAME.search(key) else hide_in_values(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [hide_in_values(item) for item in value]
    return hide_passwords(value) if isinstance(value, str) else value
