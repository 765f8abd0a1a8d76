"""Fills generated text into pages: MkDocs calls it for every page, and it replaces the marker there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pipelines.documentation.commands import command_reference
from pipelines.documentation.configuration import configuration_reference

MARKER: Final = "<!-- generated when the site is built -->"
GENERATED: Final[dict[str, Callable[[], str]]] = {
    "reference/commands.md": command_reference,
    "reference/configuration.md": configuration_reference,
}


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The page's Markdown with its generated part. Raises ValueError when the page has no marker."""
    generate = GENERATED.get(page.file.src_uri)
    if generate is None:
        return markdown
    if MARKER not in markdown:
        raise ValueError(f"docs/{page.file.src_uri} has no line {MARKER!r}: put it where the generated part belongs")
    return markdown.replace(MARKER, generate())
