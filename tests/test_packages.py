"""Every package tells in one sentence what belongs there, and imports nothing."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

from tests.conftest import PROJECT

PACKAGES = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]


def test_every_package_is_installed() -> None:
    roots = {name.partition(".")[0] for name in PACKAGES}
    found = {
        file.parent.relative_to(PROJECT).as_posix().replace("/", ".") for root in roots for file in (PROJECT / root).rglob("__init__.py")
    }
    assert found == set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_holds_one_sentence_and_nothing_else(package: str) -> None:
    tree = ast.parse((PROJECT / Path(*package.split(".")) / "__init__.py").read_text(encoding="utf-8"))
    sentence = ast.get_docstring(tree)
    assert sentence
    assert (len(tree.body), sentence.count(". "), sentence[-1]) == (1, 0, ".")
