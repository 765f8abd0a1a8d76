"""The page on data quality lists every reason and every daily check of the code."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from config.sections.etl import ReadLimits
from config.settings import Settings
from features import contract
from monitoring.data_quality.daily_checks import STAGES
from tests.conftest import PROJECT

PAGE: Final = (PROJECT / "docs" / "reference" / "data-quality.md").read_text(encoding="utf-8")


def _table(heading: str) -> dict[str, list[str]]:
    """Of the first table below a heading: the cells after the first by the name in it."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section is not None, heading
    table = re.search(r"^\|.*?(?=\n\n|\Z)", section[1], re.MULTILINE | re.DOTALL)
    assert table is not None, heading
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table[0].splitlines()[2:]]
    return {row[0].strip("`"): row[1:] for row in rows}


def _constants(first: str, last: str) -> list[str]:
    """Texts that features/contract.py defines from the constant `first` to `last`, in its order."""
    names = [
        node.target.id
        for node in ast.parse(Path(contract.__file__).read_text(encoding="utf-8")).body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ]
    found = [getattr(contract, name) for name in names[names.index(first) : names.index(last) + 1]]
    return [value for value in found if isinstance(value, str)]


def _calls(folder: Path, name: str) -> Iterator[tuple[ast.Call, Any]]:
    """Calls of a function or method, with the module they stand in."""
    for file in sorted(folder.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            called = getattr(node, "func", None)
            if isinstance(node, ast.Call) and name in (getattr(called, "id", None), getattr(called, "attr", None)):
                yield node, importlib.import_module(".".join(file.relative_to(PROJECT).with_suffix("").parts))


def _beginning(node: ast.expr, module: Any) -> str:
    """The fixed beginning of a text; empty where it has none."""
    if isinstance(node, ast.JoinedStr):
        node = node.values[0]
    if isinstance(node, ast.Name):
        return str(getattr(module, node.id, ""))
    return str(node.value) if isinstance(node, ast.Constant) else ""


def test_every_reason_of_a_row_is_listed_in_the_order_of_the_code() -> None:
    assert list(_table("Reasons for a rejected row")) == _constants("WITHDRAWN", "DUPLICATE")


def test_every_reason_of_a_value_is_listed() -> None:
    reasons = {*_constants("OUT_OF_RANGE", "ISOLATED_SPIKE"), *contract.SENSOR_FAULTS}
    assert set(_table("Reasons for a value that becomes null")) == reasons


def test_every_reason_of_a_refused_file_is_listed() -> None:
    refusals = [_beginning(call.args[0], module) for call, module in _calls(PROJECT / "features" / "site", "RefusedFile") if call.args]
    reasons = {found[1] for text in refusals if (found := re.match(r"(\w+): ", text))}
    assert len(reasons) > 5
    assert set(_table("Reasons for a refused file")) == reasons


def test_every_reason_in_a_reference_file_is_listed() -> None:
    rejects = [_beginning(call.args[3], module) for call, module in _calls(PROJECT / "features" / "site", "reject") if len(call.args) > 3]
    reasons = {text for text in rejects if text}
    assert len(reasons) > 5
    assert reasons - set(_table("Reasons in reference files")) == set()


def test_every_limit_of_a_file_is_listed() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE[PAGE.index("### Limits of a file") :].split("\n## ")[0], re.MULTILINE)) == set(
        ReadLimits.model_fields
    )


def test_every_daily_check_is_listed_with_its_limit(settings: Settings) -> None:
    checks = {name: getattr(settings.quality.checks, name) for name in STAGES}
    assert {name: cells[0] for name, cells in _table("Daily checks").items()} == {
        name: f"{check.limit_is} {check.value:g}" for name, check in checks.items()
    }
