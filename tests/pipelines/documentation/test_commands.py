"""Every command, sub-command and option is in the command reference."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer.main

from pipelines.cli import app
from pipelines.documentation.commands import command_reference

REFERENCE = command_reference()


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, child in getattr(command, "commands", {}).items():
        yield f"{path} {name}", child
        yield from _commands(child, f"{path} {name}")


COMMANDS = dict(_commands(typer.main.get_command(app), "altaviz"))


def test_every_command_has_a_heading_and_no_heading_is_of_another() -> None:
    assert {"altaviz demo", "altaviz models promote", "altaviz site init"} <= set(COMMANDS)
    assert set(re.findall(r"^#+ `(altaviz [a-z -]+)`$", REFERENCE, re.MULTILINE)) == set(COMMANDS)


def test_every_option_and_argument_stands_below_its_command() -> None:
    parts = re.split(r"^#+ `(altaviz [a-z -]+)`$", REFERENCE, flags=re.MULTILINE)
    texts = dict(zip(parts[1::2], parts[2::2], strict=True))
    missing = [
        (path, option)
        for path, command in COMMANDS.items()
        for parameter in command.params
        for option in (parameter.opts if parameter.param_type_name == "option" else [parameter.name])
        if option not in texts[path]
    ]
    assert missing == []
    assert "--check" in texts["altaviz ingest"]


def test_a_group_lists_its_commands_with_their_whole_first_sentence() -> None:
    group = COMMANDS["altaviz benchmark"].commands["cmapss"].help
    assert f"* `cmapss`: {' '.join(group.split())}" in REFERENCE.replace("&#x27;", "'")
