"""The change log: one line an entry, and the newest release is the package's."""

from __future__ import annotations

import re
import tomllib
from typing import Final

from tests.conftest import PROJECT

CHANGES: Final = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
_LONGEST: Final = 96  # characters of a line


def test_the_newest_release_is_the_version_of_the_package() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    releases = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", CHANGES, re.MULTILINE)
    assert releases[0] == project["version"]
    assert releases == sorted(releases, key=lambda release: [int(part) for part in release.split(".")], reverse=True)


def test_no_line_is_too_long() -> None:
    assert [line for line in CHANGES.splitlines() if len(line) > _LONGEST] == []
