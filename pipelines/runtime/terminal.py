"""The terminal as data may reach it: no markup, and nothing that steers it."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from config.plain_text import plain_text


class PlainConsole(Console):
    """A console on which text from data shows as what it is, in lines, titles and cells of tables."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Every string that is printed comes through here."""
        return super().render_str(plain_text(text), **options)
