"""The pages at the root are held to the code: commands, extras, targets, paths and links that they name exist."""

from __future__ import annotations

import re
import tomllib

import pytest
import typer
import typer.main
import yaml

from pipelines.cli import app
from tests.conftest import PROJECT

PAGES = {
    name: (PROJECT / name).read_text(encoding="utf-8")
    for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/reference/commands.md", "docs/tutorial.md")
}
EVERYWHERE = pytest.mark.parametrize("name", sorted(PAGES))


def _commands() -> set[str]:
    return set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def test_every_command_has_a_row_in_the_reference_and_no_row_is_of_another() -> None:
    table = PAGES["docs/reference/commands.md"].split("## ")[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == _commands()


@EVERYWHERE
def test_every_named_command_exists(name: str) -> None:
    assert set(re.findall(r"altaviz ([a-z]+(?:-[a-z]+)*)", PAGES[name])) <= _commands()


@EVERYWHERE
def test_every_named_target_is_in_the_makefile(name: str) -> None:
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", PAGES[name], re.MULTILINE)) <= _targets()


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_every_link_and_path_leads_to_a_file(name: str) -> None:
    links = [target.partition("#")[0] for target in re.findall(r"\]\(([^)]+)\)", PAGES[name])]
    paths = re.findall(r"`((?:config|docs|features|training|serving|monitoring|pipelines|benchmarks|tests)/[\w./]*)`", PAGES[name])
    assert links or paths
    assert [path for path in (*links, *paths) if not (PROJECT / path).exists()] == []


def test_the_makefiles_targets_for_people_are_in_the_contributing_page() -> None:
    named = set(re.findall(r"`?make ([a-z-]+)`?", PAGES["CONTRIBUTING.md"]))
    assert _targets() - named == {"demo"}  # which the README shows


def test_every_extra_in_the_contributing_page_exists() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = PAGES["CONTRIBUTING.md"]
    sentence = page[page.index("Extras install") :].split("\n\n")[0]
    assert set(re.findall(r"`([a-z]+)`", sentence)) == set(project["optional-dependencies"])


def test_the_readme_fits_on_a_page() -> None:
    assert len(PAGES["README.md"].splitlines()) <= 90


def test_the_hooks_before_a_commit_run_what_make_lint_runs() -> None:
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert recipe
    steps = {line.strip().replace("$(BIN)", ".venv/bin") for line in recipe[1].splitlines()}
    hooks = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]
    assert {hook["entry"] for hook in hooks[0]["hooks"]} == steps


def test_the_lock_names_no_download_address_and_a_hash_of_every_package() -> None:
    lock = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    pins = re.split(r"\n(?=\S)", lock.strip())
    assert len(pins) > 200
    assert [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.!+-]+( \\\n    --hash=sha256:[0-9a-f]{64})+", pin)] == []
