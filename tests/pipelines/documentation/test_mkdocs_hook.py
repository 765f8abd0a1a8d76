"""The generated part stands where the page's marker is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.documentation.mkdocs_hook import GENERATED, MARKER, on_page_markdown
from tests.conftest import PROJECT


def _page(name: str) -> Any:
    return SimpleNamespace(file=SimpleNamespace(src_uri=name))


@pytest.mark.parametrize(
    ("name", "expected"), [("reference/commands.md", "`--as-of TIME`"), ("reference/configuration.md", "`fit.epochs`")]
)
def test_the_page_shows_what_is_generated(name: str, expected: str) -> None:
    shown = on_page_markdown((PROJECT / "docs" / name).read_text(encoding="utf-8"), _page(name))
    assert shown.count(expected) >= 1
    assert MARKER not in shown
    assert set(GENERATED) == {"reference/commands.md", "reference/configuration.md"}


def test_a_page_without_its_marker_fails() -> None:
    with pytest.raises(ValueError, match=r"docs/reference/commands\.md has no line"):
        on_page_markdown("# Commands", _page("reference/commands.md"))


def test_other_pages_stay_as_they_are() -> None:
    assert on_page_markdown(f"# Costs {MARKER}", _page("results/costs.md")) == f"# Costs {MARKER}"
