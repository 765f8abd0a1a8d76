"""The documentation is held to the code: variables, commands, messages and files that it names exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from pipelines.cli import app
from tests.conftest import PROJECT

HOW_TO = PROJECT / "docs" / "how-to"
# libpq, MLflow and pydantic wrote these messages, not this project.
FOREIGN = {
    "certificate verify failed",
    "does not match host name",
    "does not support SSL",
    "Field required",
    "Extra inputs are not permitted",
}


def _source() -> str:
    packages = ("config", "features", "training", "serving", "monitoring", "pipelines")
    return "\n".join(file.read_text(encoding="utf-8") for name in packages for file in (PROJECT / name).rglob("*.py"))


def _pages() -> list[Path]:
    return sorted(HOW_TO.glob("*.md"))


def test_every_variable_of_the_configuration_is_on_the_page_with_an_example() -> None:
    page = (HOW_TO / "database-and-tracking.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z_]+)` \| [^|]+ \| [^|]+ \|$", page.split("## Every variable")[1], re.MULTILINE)
    used = {
        name for file in (PROJECT / "config").glob("*.yaml") for name in re.findall(r"\$\{([A-Z_]+)", file.read_text(encoding="utf-8"))
    } - {"VAR"}
    assert used | {"ALTAVIZ_HOME", "ALTAVIZ_CONFIG_DIR", "MLFLOW_TRACKING_URI"} == set(rows)
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize("page", _pages(), ids=lambda page: page.stem)
def test_every_command_and_option_of_a_code_block_exists(page: Path) -> None:
    commands = dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    for line in re.findall(r"^ *(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?altaviz (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        name, *words = line.split("#")[0].split()
        assert name in commands, line
        command = commands[name]
        for word in words:
            command = getattr(command, "commands", {}).get(word, command)
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


@pytest.mark.parametrize("page", _pages(), ids=lambda page: page.stem)
def test_every_message_in_a_table_of_what_you_see_is_one_of_the_program(page: Path) -> None:
    source = _source()
    for table in re.findall(r"^\| you see .*\n\|[-|]+\n((?:\|.*\n)+)", page.read_text(encoding="utf-8"), re.MULTILINE):
        for message in re.findall(r"^\| `([^`]+)`", table, re.MULTILINE):
            if message not in FOREIGN:
                assert [part for part in message.split(" ... ") if part not in source] == [], message


def test_every_path_in_the_documentation_exists() -> None:
    named = {
        (page.relative_to(PROJECT).as_posix(), path)
        for page in (PROJECT / "docs").rglob("*.md")
        for path in re.findall(
            r"`((?:config|features|training|serving|monitoring|pipelines|tests|benchmarks)/(?:[\w./-]*\.(?:py|yaml|sql|jinja)|[\w./-]*/))`",
            page.read_text(encoding="utf-8"),
        )
    }
    assert named
    assert sorted((page, path) for page, path in named if not (PROJECT / path).exists()) == []
