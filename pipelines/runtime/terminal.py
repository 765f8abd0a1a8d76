"""Provides a console that shows text from data literally: no markup, no control codes."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from config.plain_text import plain_text


class PlainConsole(Console):
    """Shows text from data literally, in lines, titles and table cells."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Every string that is printed comes through here."""
        return super().render_str(plain_text(text), **options)
