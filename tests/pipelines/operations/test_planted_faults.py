"""The demo's fleet with a planted fault in each of seven compressors.

Each fault is named, no number is wrong, and the others keep theirs.
"""

from __future__ import annotations

import shutil
from typing import Any, Final

import polars as pl
import pytest

from features.contract import (
    ALL_SENSORS,
    COMPRESSOR_ID,
    DISCHARGE_PRESSURE,
    DISCHARGE_TEMP,
    FROZEN,
    GAS_FLOW,
    IMPLAUSIBLE,
    MISSING,
    SENSORS,
    TIMESTAMP,
    UNIT_CHANGE,
    VIBRATION,
    WRONG_UNIT,
    ZERO,
)
from tests.pipelines.console_script import report_of
from tests.pipelines.demo import END_OF_DEMO, Demo

SINCE: Final = "2026-03-08T00:00:00Z"  # of every fault but the one that was always there
FAULTS: Final = {
    "COMP-003": (VIBRATION, FROZEN, "2026-03-07T23:50:00Z"),  # the reading before happens to show the same
    "COMP-004": (ALL_SENSORS, FROZEN, SINCE),
    "COMP-005": (DISCHARGE_PRESSURE, ZERO, SINCE),
    "COMP-006": (DISCHARGE_TEMP, UNIT_CHANGE, SINCE),
    "COMP-008": (VIBRATION, WRONG_UNIT, "2026-03-02T06:00:00Z"),
    "COMP-009": (DISCHARGE_TEMP, IMPLAUSIBLE, SINCE),
    "COMP-010": (GAS_FLOW, MISSING, SINCE),
}


@pytest.fixture(scope="module")
def scored(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The result of `score` on the spoilt fleet."""
    home = demo.before_the_cycle(demo.home.with_name("planted"))
    folder = tmp_path_factory.mktemp("planted")
    shutil.copytree(home / "inbox", folder, dirs_exist_ok=True)
    for file in (folder / "readings").glob("*.parquet"):
        _spoil(pl.read_parquet(file)).write_parquet(file)
    report_of("ingest", folder, home=home, **demo.environment)
    report_of("features", "--as-of", END_OF_DEMO, home=home, **demo.environment)
    return report_of("score", "--as-of", END_OF_DEMO, home=home, **demo.environment)


def _spoil(readings: pl.DataFrame) -> pl.DataFrame:
    """The readings with the FAULTS in them."""
    late = pl.col(TIMESTAMP) >= pl.lit(SINCE).str.to_datetime(time_zone="UTC")

    def planted(sensor: str) -> pl.Expr:
        value = pl.col(sensor)
        held = value.filter(late).sort_by(pl.col(TIMESTAMP).filter(late)).first().over(COMPRESSOR_ID)
        spoilt = {
            (VIBRATION, FROZEN): held,
            (ALL_SENSORS, FROZEN): held,
            (DISCHARGE_PRESSURE, ZERO): pl.lit(0.0),
            (DISCHARGE_TEMP, UNIT_CHANGE): ((value - 32) / 1.8).round(2),
            (VIBRATION, WRONG_UNIT): (value / 25.4).round(2),
            (DISCHARGE_TEMP, IMPLAUSIBLE): pl.lit(2500.0),
            (GAS_FLOW, MISSING): pl.lit(None, pl.Float64),
        }
        changed = value
        for compressor_id, (of, fault, _) in FAULTS.items():
            if of in (sensor, ALL_SENSORS):
                when = pl.col(COMPRESSOR_ID) == compressor_id
                changed = pl.when(when & (late if fault != WRONG_UNIT else True)).then(spoilt[of, fault]).otherwise(changed)
        return changed.alias(sensor)

    return readings.with_columns(*map(planted, SENSORS))


def test_every_planted_fault_is_named_with_its_sensor_and_its_beginning(scored: dict[str, Any]) -> None:
    named = {
        row["compressor_id"]: [(item["sensor"], item["fault"], item["since"]) for item in row["data_faults"]]
        for row in scored["predictions"]
    }
    assert named == {compressor_id: [FAULTS[compressor_id]] if compressor_id in FAULTS else [] for compressor_id in named}
    assert len(named) == 10


def test_no_number_is_made_from_a_faulty_value(scored: dict[str, Any], demo: Demo) -> None:
    before = {row["compressor_id"]: row for row in demo.report["predictions"]}
    for row in scored["predictions"]:
        if row["compressor_id"] not in FAULTS:
            continue
        sensor, fault, _ = FAULTS[row["compressor_id"]]
        if row["status"] == "bad_data":
            assert row["rul_days"] is None
            assert row["failure_probability"] is None
        else:
            assert row["status"] == "ok"
            assert any(f"{fault} since" in reason for reason in row["reasons"])
            if sensor == GAS_FLOW:  # no feature is made of it
                assert row["rul_days"] == before[row["compressor_id"]]["rul_days"]
    assert next(row for row in scored["predictions"] if row["compressor_id"] == "COMP-004")["status"] == "bad_data"


def test_the_other_compressors_keep_their_numbers_and_their_order(scored: dict[str, Any], demo: Demo) -> None:
    numbers = ("compressor_id", "status", "rul_days", "rul_lower_days", "rul_upper_days", "failure_probability", "confidence_score")
    now, before = (
        [tuple(row[name] for name in numbers) for row in report["predictions"] if row["compressor_id"] not in FAULTS]
        for report in (scored, demo.report)
    )
    assert now == before
    assert scored["predictions"][0]["compressor_id"] == "COMP-007"
