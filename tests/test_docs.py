"""The README is held to the code: commands, variables, extras and paths that it names exist."""

from __future__ import annotations

import re
import tomllib

import typer
import typer.main

from pipelines.cli import app
from tests.conftest import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")


def _commands() -> dict[str, object]:
    group = typer.main.get_command(app)
    return dict(group.commands)  # type: ignore[attr-defined]


def test_every_command_is_in_the_readme_and_every_named_command_exists() -> None:
    rows = re.findall(r"^\| ((?:`[a-z-]+`(?:, )?)+) \|", README, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z-]+)`", row)}
    assert named == set(_commands())
    assert set(re.findall(r"altaviz ([a-z]+(?:-[a-z]+)*)", README)) <= named


def test_every_variable_in_the_readme_is_read_somewhere() -> None:
    named = set(re.findall(r"`((?:ALTAVIZ|DB|MLFLOW|SPARK)_[A-Z_]+)`", README))
    sources = [*(PROJECT / "config").glob("*.yaml"), PROJECT / "config" / "settings.py"]
    read = "\n".join(file.read_text(encoding="utf-8") for file in sources)
    assert named
    assert {name for name in named if name not in read} == set()


def test_every_substituted_variable_is_in_the_readme() -> None:
    used = {
        name for file in (PROJECT / "config").glob("*.yaml") for name in re.findall(r"\$\{([A-Z_]+)", file.read_text(encoding="utf-8"))
    } - {"VAR"}
    assert {name for name in used if f"`{name}`" not in README} == set()


def test_every_path_in_the_readme_exists() -> None:
    paths = re.findall(r"`((?:config|docs|features|training|serving|pipelines)/[\w./]*)`", README)
    assert paths
    assert [path for path in paths if not (PROJECT / path).exists()] == []


def test_every_extra_in_the_readme_exists() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    sentence = README[README.index("Extras install") :].split("\n\n")[0]
    assert set(re.findall(r"`([a-z]+)`", sentence)) == set(project["optional-dependencies"])


def test_every_target_in_the_readme_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"^make ([a-z]+)", README, re.MULTILINE)) <= targets


def test_the_lock_names_no_download_address_and_a_hash_of_every_package() -> None:
    lock = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    pins = re.split(r"\n(?=\S)", lock.strip())
    assert len(pins) > 200
    assert [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.!+-]+( \\\n    --hash=sha256:[0-9a-f]{64})+", pin)] == []
