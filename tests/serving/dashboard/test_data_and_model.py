"""The pages that say whether data and model can be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from features.quarantine import Refusal
from pipelines.lakehouse.books_sync import LakeBooks, book_metrics
from serving.dashboard.display.quality import explanation, share
from serving.dashboard.queries.data import CheckResult, check_days, checks_of_day, lake_books
from serving.dashboard.queries.model import OutcomeBand, champion_of, decisions, outcome_bands
from serving.schemas import MaintenanceEvent, QualityMetric
from serving.warehouse.connection import Warehouse
from serving.warehouse.decisions import ModelDecision, upsert_decision
from serving.warehouse.drift import DriftDecision, DriftMetric, upsert_drift
from serving.warehouse.tables import upsert_events, upsert_predictions, upsert_quality_metrics
from tests.serving.dashboard.conftest import NOW, UNTRUSTED, ShowPage, prediction
from tests.serving.dashboard.test_today import html_of

DAY = datetime(2026, 3, 9, tzinfo=UTC)
ROWS = {
    "bronze_rows": 120,
    "silver_rows": 100,
    "gold_rows": 100,
    "pending_rows": 5,
    "rejected_rows": {"duplicate": 12, "future_timestamp": 3},
    "nulled_values": {"out_of_range": 4},
}


def metric(name: str, value: float, limit_is: str, limit: float, day: datetime = DAY, **details: object) -> QualityMetric:
    passed = value <= limit if limit_is == "most" else value >= limit
    return QualityMetric(day, "silver", name, value, passed, {"limit": limit, "limit_is": limit_is, **details})


def fill(connection: psycopg.Connection) -> None:
    """Two days of checks, books with a file in quarantine, a champion after a refused version, and drift."""
    refused = Refusal("hour 07.csv", "", f"no column named {UNTRUSTED}", NOW, NOW, 3, None)
    upsert_quality_metrics(
        connection,
        [
            metric("freshness_late_compressors", 0.5, "most", 0.0, failing={"C-2": 95.0, "C-3": None}),
            metric("completeness_readings", 0.99, "least", 0.95),
            metric("completeness_readings", 0.90, "least", 0.95, DAY - timedelta(days=1)),
            *book_metrics(LakeBooks(ROWS, {"hour 07.csv": refused}), DAY),
        ],
    )
    checks = [{"name": "baseline", "passed": True, "says": "test RMSE 7.4 d beats the baseline's 8.1 d", "numbers": {}}]
    upsert_decision(connection, ModelDecision("1", NOW - timedelta(days=9), "promoted", "train", metrics={"rmse_days": 7.4}, checks=checks))
    upsert_decision(connection, ModelDecision("2", NOW - timedelta(days=2), "refused", "drift", reasons=["no better than version 1"]))
    drift = DriftMetric(NOW, "1", "feature", "vibration_24hr_mean", 0.9, 0.2, 0.4, 0.001, 0.01, 0.8, drifted=True)
    upsert_drift(connection, [drift], DriftDecision(NOW, "1", True, 0.31, True, [f"1 of 1 features drifted {UNTRUSTED}"]))


@pytest.fixture(scope="module", autouse=True)
def filled(fleet_home: tuple[Path, Warehouse]) -> Iterator[None]:
    with fleet_home[1].connection() as connection:
        fill(connection)
    yield
    with fleet_home[1].connection() as connection:
        connection.execute("TRUNCATE data_quality_metrics, model_decisions, drift_metrics, drift_decisions")


def test_a_failed_check_stands_first_with_its_limit_and_the_compressors_that_fail(show: ShowPage) -> None:
    page = html_of(show("data"))
    table = page.split("Checks of 2026-03-09")[2]
    first = table.split("<tbody>")[1].split("</tr>")[0]
    for text in ("Freshness: late compressors", "failed", "50.00 %", "at most 0 %", "C-2 95, C-3", "late at the end of the day"):
        assert text in first
    assert "Completeness: readings" in table


def test_the_address_chooses_the_day(show: ShowPage) -> None:
    page = html_of(show("data", day="2026-03-08"))
    assert "Checks of 2026-03-08" in page
    assert "90.00 %" in page
    assert "Freshness: late compressors" not in page


def test_rows_add_up_and_the_quarantine_is_named_as_text(show: ShowPage) -> None:
    page = html_of(show("data"))
    for text in ("120", "100", "future timestamp", "hour 07.csv", "no column named &lt;img"):
        assert text in page
    assert UNTRUSTED not in page


def test_books_of_the_lake_come_back_as_they_were_written(rows: psycopg.Connection) -> None:
    books = lake_books(rows)
    assert books.rows == {"bronze_rows": 120, "silver_rows": 100, "gold_rows": 100, "pending_rows": 5}
    assert books.rejected_rows == {"duplicate": 12, "future_timestamp": 3}
    assert books.rows["bronze_rows"] == books.rows["silver_rows"] + sum(books.rejected_rows.values()) + books.rows["pending_rows"]
    assert [(item["file"], item["times"]) for item in books.quarantine] == [("hour 07.csv", 3)]
    assert books.quarantined == 1


def test_books_are_no_checks(rows: psycopg.Connection) -> None:
    assert check_days(rows) == [DAY.date(), (DAY - timedelta(days=1)).date()]
    assert [row.metric_name for row in checks_of_day(rows, DAY.date())] == ["completeness_readings", "freshness_late_compressors"]


def test_what_stands_out_is_the_worst_by_name() -> None:
    details = {"worst": {f"C-{number}": number for number in range(8)}, "by_reason": {"out_of_range": 0}}
    assert explanation(details) == "C-7 7, C-6 6, C-5 5, C-4 4, C-3 3 and 2 more"
    assert [share(value) for value in (0.0, 1.0, 0.0014)] == ["0 %", "100 %", "0.14 %"]


def test_the_champion_has_its_numbers_and_the_refused_version_its_reason(show: ShowPage) -> None:
    page = html_of(show("model"))
    for text in ("version 1", "7.40 d", "test RMSE 7.4 d beats", "no better than version 1", "retraining after drift", "called for"):
        assert text in page
    assert UNTRUSTED not in page


def test_a_rollback_makes_the_version_champion_that_it_went_back_to() -> None:
    promoted = ModelDecision("2", NOW, "promoted", "train")
    back = ModelDecision("1", NOW + timedelta(hours=1), "rolled_back", "operator", previous_version="2")
    assert champion_of([back, promoted]) is back
    assert champion_of([ModelDecision("3", NOW, "refused", "drift")]) is None


def test_probabilities_are_compared_with_failures_once_their_horizon_is_over(rows: psycopg.Connection) -> None:
    """Of lives that a repair ended within the horizon, nobody knows what would have come."""
    begin = NOW - timedelta(days=30)
    upsert_predictions(rows, [prediction("C-2", begin, 2.0), prediction("C-3", begin, 2.0), prediction("C-1", begin, 25.0)])
    upsert_events(
        rows,
        [
            MaintenanceEvent("C-2", begin + timedelta(days=1), "failure"),
            MaintenanceEvent("C-3", begin + timedelta(days=1), "scheduled"),
            MaintenanceEvent("C-3", begin + timedelta(days=2), "failure"),
        ],
    )
    assert outcome_bands(rows, 31, 10) == [OutcomeBand(0, 1, 0.01, 0.0), OutcomeBand(8, 1, 0.8, 1.0)]
    assert sum(band.predictions for band in outcome_bands(rows, 31, 1)) <= 1


def test_a_replay_shows_decisions_that_were_made_by_the_clock(rows: psycopg.Connection) -> None:
    assert [item.model_version for item in decisions(rows)] == ["2", "1"]
    assert [type(item) for item in checks_of_day(rows, DAY.date())] == [CheckResult] * 2
