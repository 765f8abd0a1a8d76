"""Passwords in texts: what a person, a log or a client reads never shows one."""

from __future__ import annotations

import re
from typing import Final

_HIDDEN: Final = "***"
_IN_ADDRESS: Final = re.compile(r"(://[^:/?#\s@]*):[^\s'\"]*@")  # scheme://user:password@host; a password may hold an @
_AS_PARAMETER: Final = re.compile(r"(?i)\b(password|passwd|api_key|apikey|secret|token)=(?!\*)[^\s&;,'\")]+")


def hide_passwords(text: str) -> str:
    """`text` with `***` for passwords in addresses (`postgresql://user:...@host`) and behind `password=` and the like."""
    return _AS_PARAMETER.sub(rf"\1={_HIDDEN}", _IN_ADDRESS.sub(rf"\1:{_HIDDEN}@", text))
