"""Text from data, made safe to show.

Characters that steer a terminal or turn a line around are written as escapes.
"""

from __future__ import annotations

import re
from typing import Final

# C0, DEL and C1; direction marks; separators of lines and paragraphs; half characters, as in file names that are not UTF-8.
_STEERING: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_NUMERAL: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_HALVES: Final = re.compile(r"[\ud800-\udfff]")


def plain_text(text: str) -> str:
    r"""`text` with steering characters as escapes, such as `\x1b`, `\u202e`.

    Those are control characters, direction marks and lone surrogates. Markup stays as it is.
    """
    return _STEERING.sub(_escape, text)


def encodable(text: str) -> str:
    r"""`text` with lone surrogates as escapes, such as `\udce9`.

    No file and no table accepts them. All else stays.
    """
    return _HALVES.sub(_escape, text)


def plain_json(document: str) -> str:
    """JSON in ASCII, with DEL as an escape.

    It is the only control character that `json.dumps` leaves as it is.
    """
    return document.replace("\x7f", "\\u007f")


def is_plain(text: str) -> bool:
    """Whether `plain_text` leaves `text` as it is."""
    return _STEERING.search(text) is None


def spreadsheet_text(text: str) -> str:
    """A cell of text for a CSV file that people open.

    An apostrophe stands before text that a spreadsheet would take for a formula.
    """
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMERAL.fullmatch(text) else text


def from_spreadsheet(cell: str) -> str:
    """The text that `spreadsheet_text` wrote."""
    return cell[1:] if cell.startswith("'") and spreadsheet_text(cell[1:]) == cell else cell


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
