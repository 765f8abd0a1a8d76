"""Opens Jinja2 templates that escape values for Markdown."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from config.plain_text import plain_text

_NOTHING: Final = "-"


# Markup within a line (an underscore inside a word is text), and at the start of a line.
_INLINE: Final = re.compile(r"[\\`*\[\]<>|~!&$]|(?<![^\W_])_|_(?![^\W_])")


_LEADING: Final = re.compile(r"^(#{1,6}|[+-]|=+|\d+[.)])(?=\s|$)")


def escape(value: object) -> str:
    """`value` as Markdown that shows exactly its text, in one line."""
    line = _INLINE.sub(r"\\\g<0>", plain_text(" ".join(str(value).split())))
    return _LEADING.sub(lambda found: f"{found[1][:-1]}\\{found[1][-1]}", line)


def templates() -> Environment:
    """The templates of `pipelines`. Values are escaped for Markdown, except those that a filter here has formatted."""
    environment = Environment(
        loader=PackageLoader("pipelines", "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "fixed": lambda value, digits: _formatted(value, f",.{digits}f"),
        "signed": lambda value, digits: _formatted(value, f"+.{digits}f"),
        "number": lambda value: _formatted(value, "g"),
        "general": lambda value: _formatted(value, ".4g"),
        "thousands": lambda value: _formatted(value, ",.0f"),
        "percent": lambda value, digits: _formatted(None if value is None else 100 * value, f".{digits}f", " %"),
        "time": _time,
        "plain": lambda value: Markup(plain_text(" ".join(str(value).split()))),  # noqa: S704 - within a code block, which holds no markup
    }
    return environment


def _finalize(value: object) -> Markup:
    return value if isinstance(value, Markup) else Markup(escape(value))  # noqa: S704 - escaped for Markdown


def _formatted(value: float | None, form: str, unit: str = "") -> Markup:
    return Markup(_NOTHING if value is None else f"{value:{form}}{unit}")  # noqa: S704 - a number


def _time(moment: datetime) -> Markup:
    return Markup(f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC")  # noqa: S704 - digits
