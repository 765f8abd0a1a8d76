"""`altaviz reproduce` on the demo's predictions, and what it says when a row, its gold or its model is not there any more."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from config.errors import InputError, ModelError, NoDataError
from config.settings import load_settings
from features.lake import GOLD, Lake
from pipelines.operations.reproduce import describe_differences, reproduce
from pipelines.runtime.console import StageReporter
from serving.warehouse.connection import open_warehouse
from tests.pipelines.console_script import altaviz
from tests.pipelines.demo import END_OF_DEMO, Demo
from tests.serving.gold import gold_row, write_gold

END = datetime.fromisoformat(END_OF_DEMO).replace(tzinfo=UTC)
FAILING = "COMP-007"


def again(demo: Demo, compressor_id: str | None = None, as_of: datetime = END, **environment: str) -> dict[str, Any]:
    """Rows of the demo's own champion."""
    settings = load_settings(demo.home, environ=demo.environment | environment)
    return reproduce(settings, compressor_id, as_of, demo.report["model_version"], StageReporter(interactive=False))


@contextmanager
def tampered(demo: Demo, assignment: str) -> Iterator[None]:
    """The failing compressor's row changed by hand, and put back."""
    where = f"WHERE compressor_id = '{FAILING}' AND prediction_timestamp = '{END_OF_DEMO}Z'"
    settings = load_settings(demo.home, environ=demo.environment)
    with open_warehouse(settings.database, settings.home) as warehouse:

        def execute(*statements: str) -> None:
            with warehouse.connection() as connection:
                for statement in statements:
                    connection.execute(statement)  # type: ignore[call-overload]

        execute(f"CREATE TABLE kept AS SELECT * FROM ml_predictions {where}", f"UPDATE ml_predictions SET {assignment} {where}")
        try:
            yield
        finally:
            execute(f"DELETE FROM ml_predictions {where}", "INSERT INTO ml_predictions SELECT * FROM kept", "DROP TABLE kept")


def configured(demo: Demo, folder: Path, file: str, old: str, new: str) -> dict[str, str]:
    """The environment of the demo with one value of its configuration changed."""
    shutil.copytree(demo.environment["ALTAVIZ_CONFIG_DIR"], folder)
    text = (folder / file).read_text(encoding="utf-8")
    assert text.count(old) == 1
    (folder / file).write_text(text.replace(old, new), encoding="utf-8")
    return {"ALTAVIZ_CONFIG_DIR": str(folder)}


@pytest.fixture
def copied_lake(demo: Demo, tmp_path: Path) -> Lake:
    """The demo's lake moved elsewhere: the same tables."""
    return Lake(str(shutil.copytree(demo.home / "lake", tmp_path / "lake")))


def test_every_prediction_of_the_demo_comes_out_again(demo: Demo) -> None:
    found = again(demo)
    assert [(row["compressor_id"], row["differs"]) for row in found["rows"]] == [(f"COMP-{number:03}", []) for number in range(1, 11)]
    assert found["equal"]
    failing, reported = found["rows"][6], demo.report["predictions"][0]
    assert failing["numbers"]["rul_days"] == {"stored": reported["rul_days"], "recomputed": reported["rul_days"], "difference": 0.0}
    assert failing["texts"]["reasons"]["recomputed"] == reported["reasons"]
    gold = Lake(str(demo.home / "lake")).version(GOLD)
    assert (failing["scored_by"], failing["gold_version"], failing["window_end"]) == ("batch", gold, f"{END_OF_DEMO}+00:00")


def test_a_tampered_row_is_told_with_the_difference_and_exit_code_1(demo: Demo) -> None:
    version = demo.report["model_version"]
    with tampered(demo, "rul_days = rul_days + 0.01, rul_upper_days = 29"):
        command = ("reproduce", FAILING, "--as-of", END_OF_DEMO, "--model-version", version, "--json")
        done = altaviz(*command, home=demo.home, **demo.environment)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "altaviz: 1 of 1 rows differ from their recomputation: COMP-007 (rul_days, rul_upper_days)"
    (row,) = json.loads(done.stdout)["rows"]
    assert row["numbers"]["rul_days"]["difference"] == -0.01
    assert row["because"] == []


def test_readings_that_come_later_and_other_rules_for_a_number_change_nothing(demo: Demo, copied_lake: Lake, tmp_path: Path) -> None:
    before = copied_lake.version(GOLD)
    write_gold(Path(copied_lake.uri(GOLD)), [gold_row(FAILING, END, vibration_1hr_mean=1.0)])  # a version that holds nothing else
    stricter = configured(demo, tmp_path / "config", "scoring.yaml", "stale_after_hours: 3 ", "stale_after_hours: 0.01 ")
    found = again(demo, ALTAVIZ_LAKE_URI=copied_lake.root, **stricter)
    assert (found["equal"], copied_lake.version(GOLD)) == (True, before + 1)


def test_costs_that_have_changed_since_are_named(demo: Demo, tmp_path: Path) -> None:
    dearer = configured(demo, tmp_path / "config", "costs.yaml", "repair_usd: {value: 15000", "repair_usd: {value: 25000")
    found = again(demo, FAILING, **dearer)
    assert "expected_saving_usd" in found["rows"][0]["differs"]
    assert set(found["rows"][0]["differs"]) <= {"act_by", "expected_saving_usd"}
    assert describe_differences(found).endswith("; costs.yaml has changed since the row was written")


def test_a_row_that_is_not_there_is_told_with_the_newest_one(demo: Demo) -> None:
    with pytest.raises(NoDataError, match=rf"no row of {FAILING} at 2025-01-01T00:00:00\+00:00 by version .*: the newest is of 2026-"):
        again(demo, FAILING, datetime(2025, 1, 1, tzinfo=UTC))
    with pytest.raises(NoDataError, match=r"no row of COMP-099 at .*: `altaviz score` writes some"):
        again(demo, "COMP-099")


@pytest.mark.parametrize(
    ("assignment", "kind", "message"),
    [
        ("features_used = features_used - 'gold_table_id'", InputError, "written before rows named their gold_table_id: score that moment"),
        ("features_used = features_used - 'window_start'", InputError, "written before rows named their window_start: score that moment"),
        (
            "features_used = jsonb_set(features_used, '{gold_table_id}', '\"x\"')",
            InputError,
            "another table than .*: point ALTAVIZ_LAKE_URI",
        ),
        ("features_used = jsonb_set(features_used, '{gold_version}', '99')", InputError, "version 99 of .*gold cannot be read any more"),
        ("features_used = jsonb_set(features_used, '{model_digest}', '\"x\"')", ModelError, "another model .*: point MLFLOW_TRACKING_URI"),
    ],
)
def test_what_a_row_names_and_is_not_there_is_told(demo: Demo, assignment: str, kind: type[Exception], message: str) -> None:
    with tampered(demo, assignment), pytest.raises(kind, match=message):
        again(demo, FAILING)


def test_a_model_version_that_is_gone_is_told(demo: Demo) -> None:
    store = f"sqlite:///{demo.home / 'empty.db'}"
    with pytest.raises(ModelError, match=r"no version .* of altaviz-rul, which the row names: point MLFLOW_TRACKING_URI"):
        again(demo, FAILING, MLFLOW_TRACKING_URI=store)


def test_gold_that_a_vacuum_has_taken_is_told(demo: Demo, copied_lake: Lake) -> None:
    folder, named = copied_lake.uri(GOLD), copied_lake.version(GOLD)
    write_gold(Path(folder), [gold_row(FAILING, END)])
    DeltaTable(folder).vacuum(0, dry_run=False, enforce_retention_duration=False)
    with pytest.raises(
        InputError, match=rf"version {named} of .*gold cannot be read any more .*restore the files, or score the moment again"
    ):
        again(demo, FAILING, ALTAVIZ_LAKE_URI=copied_lake.root)
