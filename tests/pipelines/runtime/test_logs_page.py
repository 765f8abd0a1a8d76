"""The reference of metrics and logs is held to the code: every metric, every event, every log file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from serving.api.metrics import Metrics
from tests.conftest import PROJECT

PAGE: Final = (PROJECT / "docs" / "reference" / "metrics-and-logs.md").read_text(encoding="utf-8")
_PACKAGES: Final = ("config", "features", "monitoring", "pipelines", "serving", "training")
_LEVELS: Final = ("debug", "info", "warning", "error", "exception")


def _sources() -> Iterator[str]:
    for package in _PACKAGES:
        for file in sorted((PROJECT / package).rglob("*.py")):
            yield file.read_text(encoding="utf-8")


def _events() -> set[tuple[str, str]]:
    """Event and level of every `get_log().level("event", ...)`."""
    found = set()
    for source in _sources():
        for node in ast.walk(ast.parse(source)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Call)):
                continue
            if getattr(node.func.value.func, "id", None) == "get_log" and node.func.attr in _LEVELS:
                assert isinstance(node.args[0], ast.Constant), "the name of an event is a fixed text"
                found.add((str(node.args[0].value), node.func.attr))
    return found


def test_every_event_is_listed_with_its_level() -> None:
    assert set(re.findall(r"^\| `([^`]+)` \| (info|warning|error) \|", PAGE, re.MULTILINE)) == _events()


def test_every_metric_is_listed_with_its_type() -> None:
    metrics = Metrics()
    families = text_string_to_metric_families(metrics.text(None, is_refused=False, is_behind=False).decode())
    expected = {
        (family.name + ("_total" if family.type == "counter" else ""), family.type)
        for family in families
        if family.name.startswith("altaviz_") and not family.name.endswith("_created")
    }
    listed = re.findall(r"^\| `(altaviz_\w+)` \| (\w+)", PAGE, re.MULTILINE)
    assert set(listed) == expected


def test_every_log_file_of_the_code_is_listed() -> None:
    named = {name for source in _sources() for name in re.findall(r'"([\w-]+\.log)"', source)}
    assert named
    assert {name for name in named if f"/logs/{name}`" not in PAGE} == set()
