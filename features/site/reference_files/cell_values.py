"""Parses one cell of a reference file as a number or a time. None if it is neither."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

Decimal = Literal[".", ","]

_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?)?\s?(Z|[+-]\d{2}:?\d{2})?", re.IGNORECASE)
_GROUPED: Final = {
    ".": re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d*)?([eE][+-]?\d+)?|[+-]?\.\d+"),
    ",": re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d*)?([eE][+-]?\d+)?|[+-]?,\d+"),
}
_OPEN: Final = re.compile(r"[+-]?\d{1,3}[.,]\d{3}")  # 1,200: a thousand and more, or one and a fifth


def parse_time(text: str, formats: Sequence[str], zone: str = "UTC") -> datetime | None:
    """`text` as UTC, in one of `formats` or in ISO 8601 with a year of four digits.

    Without a zone of its own it is in `zone`. Of an hour that the clock shows twice, the first counts.
    """
    moment = _in_formats(text, formats)
    if moment is None and _ISO.fullmatch(text):
        try:
            moment = datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-").replace(" Z", "Z").upper())
        except ValueError:
            return None
    if moment is None:
        return None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    except OverflowError:
        return None


def parse_date(text: str, formats: Sequence[str]) -> date | None:
    """The calendar date in `text`, without a time of day."""
    moment = _in_formats(text, formats)
    if moment is not None:
        return moment.date()
    try:
        return date.fromisoformat(text[:10]) if _ISO.fullmatch(text) else None
    except ValueError:
        return None


def _in_formats(text: str, formats: Sequence[str]) -> datetime | None:
    for pattern in formats:
        try:
            return datetime.strptime(text, pattern)
        except ValueError:
            continue
    return None


def decimal_sign(texts: Iterable[str], delimiter: str | None) -> tuple[Decimal, bool]:
    """The decimal sign of `texts`, the numbers of a file, and whether it is an assumption.

    1,200.50 and 1.200,50 and 1,5 show it. 1,200 alone does not: then the delimiter of the columns decides.
    """
    seen: set[str] = set()
    unclear = False
    for text in map(_bare, texts):
        signs = [sign for sign in text if sign in ".,"]
        if not signs:
            continue
        if len(set(signs)) == 2:
            seen.add(signs[-1])
        elif len(signs) > 1:
            seen.add("," if signs[0] == "." else ".")
        elif _OPEN.fullmatch(text):
            unclear = True
        else:
            seen.add(signs[0])
    if len(seen) == 1:
        return (",", False) if "," in seen else (".", False)
    return ("," if delimiter == ";" and not seen else "."), unclear or len(seen) > 1


def parse_number(text: str, decimal: Decimal) -> float | None:
    """`text` with the given decimal sign; thousands may be grouped.

    None for other text, also for nan and infinity.
    """
    bare = _bare(text)
    if not _GROUPED[decimal].fullmatch(bare):
        return None
    thousands = "," if decimal == "." else "."
    number = float(bare.replace(thousands, "").replace(",", "."))
    return number if math.isfinite(number) else None


def _bare(text: str) -> str:
    """Without signs between groups of digits, and without a leading dollar sign."""
    return re.sub(r"(?<=\d)[\s'\u2019\u00a0\u202f](?=\d{3})", "", text.strip().removeprefix("$").strip())
