"""Generates the reference of every command with Typer's own generator."""

from __future__ import annotations

import re
from typing import Any

import typer.main
from typer.cli import get_docs_for_click

from pipelines.cli import app

PROGRAM = "altaviz"
_SHORTENED = re.compile(r"^\* `([a-z-]+)`: .*$", re.MULTILINE)


def command_reference() -> str:
    """Markdown: a heading for each command, with its usage, arguments and options."""
    root = typer.main.get_command(app)
    return "\n".join(_command(name, command) for name, command in sorted(_children(root).items()))


def _children(command: Any) -> dict[str, Any]:
    return getattr(command, "commands", {})


def _command(name: str, command: Any) -> str:
    context = command.context_class(command, info_name=name)
    text = get_docs_for_click(obj=command, ctx=context, indent=1, name=name, call_prefix=PROGRAM)
    children = _children(command)
    summaries = {child: _first_paragraph(found.help or "") for child, found in children.items()}
    # Typer cuts the summaries of a group's commands after 45 characters
    return _SHORTENED.sub(lambda match: f"* `{match[1]}`: {summaries[match[1]]}" if match[1] in summaries else match[0], text)


def _first_paragraph(text: str) -> str:
    return " ".join(text.split("\n\n")[0].split())
