"""The runbook is held to the code: every error, failed check, status and exit code has an entry, and every quoted message exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final, get_args

from config.errors import AltavizError
from config.loader import CONFIG_DIR, load_section
from config.sections.retraining import RetrainingConfig
from monitoring.data_quality.daily_checks import STAGES
from monitoring.gate.checks import judge
from pipelines.cli import app
from pipelines.commands import options
from serving.assessment import Status
from serving.warehouse.decisions import Outcome
from tests.conftest import PROJECT
from tests.monitoring.gate.test_checks import better

PAGE: Final = (PROJECT / "docs" / "runbook.md").read_text(encoding="utf-8")
_PACKAGES: Final = ("config", "features", "monitoring", "pipelines", "serving", "training")


def _section(heading: str) -> str:
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, heading
    return found[1]


def _entries(heading: str) -> list[str]:
    """Names in the first column of the first table below a heading."""
    table = re.search(r"^\|.*?(?=\n\n|\Z)", _section(heading), re.MULTILINE | re.DOTALL)
    assert table is not None, heading
    return [line.split("|")[1].strip().strip("`") for line in table[0].splitlines()[2:]]


def _trees() -> Iterator[ast.Module]:
    for package in _PACKAGES:
        for file in sorted((PROJECT / package).rglob("*.py")):
            yield ast.parse(file.read_text(encoding="utf-8"))


def _error_classes() -> set[str]:
    """AltavizError, and every class below it wherever it is defined."""
    bases = {
        node.name: {getattr(base, "id", getattr(base, "attr", "")) for base in node.bases}
        for tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found = {AltavizError.__name__}
    while below := {name for name, own in bases.items() if own & found} - found:
        found |= below
    return found


def test_every_error_has_an_entry() -> None:
    assert set(re.findall(r"^### (\w+)$", _section("Errors"), re.MULTILINE)) == _error_classes()


def test_every_quoted_message_is_in_the_code() -> None:
    rows = re.findall(r"^\| (?:`([^`]+)`|`` (.+?) ``) \|", _section("Errors"), re.MULTILINE)
    quoted = {plain or ticked for plain, ticked in rows}
    texts = [node.value for tree in _trees() for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert len(quoted) > 50
    assert {part for part in quoted if not any(part in text for text in texts)} == set()


def test_every_check_of_doctor_has_an_entry() -> None:
    doctor = ast.parse((PROJECT / "pipelines" / "runtime" / "doctor.py").read_text(encoding="utf-8"))
    tables = [node for node in ast.walk(doctor) if isinstance(node, ast.Dict) and len(node.values) > 3]
    (checks,) = [node for node in tables if all(isinstance(value, ast.Name) for value in node.values)]
    assert _entries("Checks of doctor") == [key.value for key in checks.keys if isinstance(key, ast.Constant)]


def test_every_check_of_the_gate_has_an_entry() -> None:
    gate = load_section(CONFIG_DIR / "retraining.yaml", RetrainingConfig, {}).gate.model_copy(update={"resamples": 100})
    assert _entries("Checks of the gate") == [check.name for check in judge(better(), gate).checks]


def test_every_daily_check_has_an_entry() -> None:
    assert _entries("Daily checks") == list(STAGES)


def test_every_prediction_status_has_an_entry() -> None:
    assert set(_entries("Prediction statuses")) == set(get_args(Status))


def test_every_decision_on_a_model_has_an_entry() -> None:
    assert set(get_args(Outcome)) - set(_entries("Decisions of a training")) == set()


def test_every_exit_code_has_an_entry() -> None:
    told = {int(code) for code in re.findall(r"\b\d+\b", str(app.info.epilog))}
    assert {int(code) for code in _entries("Exit codes")} == told | {options._INTERRUPTED}


def test_every_link_to_a_heading_of_the_runbook_leads_there() -> None:
    headings = {re.sub(r"[^a-z0-9 ]", "", line.lower()).replace(" ", "-") for line in re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) - headings == set()
