"""Writes a model card as Markdown and as one HTML page. Jinja2 fills one template, and markdown-it-py turns it into HTML.

Every value is escaped for Markdown, so that a name from the data never becomes markup.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, Final

from markdown_it import MarkdownIt
from markupsafe import Markup

from pipelines.runtime.templates import templates

_MANY_BLANK_LINES: Final = re.compile(r"\n{3,}")


def to_markdown(facts: Mapping[str, Any], version: str | None, figures: Mapping[str, bytes]) -> str:
    """The card with links to its figures. `version` is None before the registry has given one."""
    names = {name.removesuffix(".png"): name for name in figures}
    text = templates().get_template("model_card/model_card.md.jinja").render(**facts, version=version, figures=names)
    return _MANY_BLANK_LINES.sub("\n\n", text)


def to_html(markdown: str, figures: Mapping[str, bytes]) -> str:
    """The same as one self-contained page: figures inline, no script, nothing fetched."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown)
    for token in tokens:
        for child in token.children or []:
            if child.type == "image":
                content = figures[str(child.attrs["src"])]
                child.attrs["src"] = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    body = parser.renderer.render(tokens, parser.options, {})
    title = next(token.content for token in tokens if token.type == "inline")  # the heading comes first
    template = templates().get_template("model_card/model_card.html.jinja")
    page: str = template.render(title=Markup(parser.renderInline(title)), body=Markup(body))  # noqa: S704 - made of escaped Markdown
    return page
