"""Faults that users reported, laid on the demo's fleet: dead and wrongly scaled sensors, wrong clocks, bad reference rows, corrections."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PROJECT
from tests.pipelines.console_script import SOME_REFUSED, report_of
from tests.pipelines.demo import END_OF_DEMO, Demo

CASES = PROJECT.parent / "shared" / "cases"


@dataclass(frozen=True)
class Spoilt:
    """What the commands reported, one after another in one home."""

    corrected: list[dict[str, Any]]  # score after each step of the CMMS
    ingested: dict[str, Any]  # the spoilt readings
    event: dict[str, Any]  # the hour with one bad event
    exports: list[dict[str, Any]]  # each hour's export of one name
    scored: dict[str, Any]
    books: dict[str, Any]
    status: dict[str, Any]


@pytest.fixture(scope="module")
def spoilt(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Spoilt:
    if not (CASES / "README.md").is_file():
        pytest.skip(f"no cases at {CASES}")
    home = demo.after_the_features(demo.home.with_name("cases"))

    def report(*arguments: str | Path) -> dict[str, Any]:
        return report_of(*arguments, home=home, **demo.environment)

    corrected = []
    for step in ("step1", "step2"):
        report("ingest", CASES / "cmms-correction" / step)
        corrected.append(report("score", "--as-of", END_OF_DEMO))
    folder = tmp_path_factory.mktemp("spoilt")
    shutil.copytree(CASES / "units-differ", folder, dirs_exist_ok=True)
    for case in ("frozen-last-good", "wrong-clock"):
        shutil.copytree(CASES / case / "readings", folder / "readings", dirs_exist_ok=True)
    ingested = report_of("ingest", folder, home=home, code=SOME_REFUSED, **demo.environment)
    books = report("features", "--as-of", END_OF_DEMO)
    scored = report("score", "--as-of", END_OF_DEMO)
    event = report("ingest", CASES / "one-bad-event-row")  # its readings are of the day after
    exports = [report("ingest", CASES / "fixed-name-export" / step) for step in ("step1", "step2")]
    return Spoilt(corrected, ingested, event, exports, scored, books, report("status"))


def _row(report: dict[str, Any], compressor_id: str) -> dict[str, Any]:
    return next(row for row in report["predictions"] if row["compressor_id"] == compressor_id)


def _faults(report: dict[str, Any], compressor_id: str) -> set[tuple[str, str]]:
    return {(item["sensor"], item["fault"]) for item in _row(report, compressor_id)["data_faults"]}


def test_a_repair_that_the_cmms_takes_back_gives_the_machine_its_date_again(spoilt: Spoilt) -> None:
    booked, corrected = (_row(report, "COMP-007") for report in spoilt.corrected)
    assert booked["act_by"] is None
    assert corrected["act_by"] == "2026-03-12"


def test_a_machine_whose_values_stand_still_gets_no_number(spoilt: Spoilt) -> None:
    row = _row(spoilt.scored, "COMP-007")
    assert (row["status"], row["rul_days"], row["act_by"]) == ("bad_data", None, None)
    assert _faults(spoilt.scored, "COMP-007") == {("all", "frozen")}


@pytest.mark.parametrize(
    ("compressor_id", "faults"),
    [
        ("COMP-001", {("discharge_temp_f", "unit_change")}),
        ("COMP-004", {("suction_pressure_psi", "unit_change"), ("discharge_pressure_psi", "unit_change")}),
        ("COMP-005", {("vibration_mms", "wrong_unit"), ("discharge_temp_f", "wrong_unit")}),
        ("COMP-010", {("vibration_mms", "unit_change")}),
    ],
)
def test_values_in_other_units_are_named_and_not_scored(spoilt: Spoilt, compressor_id: str, faults: set[tuple[str, str]]) -> None:
    row = _row(spoilt.scored, compressor_id)
    assert _faults(spoilt.scored, compressor_id) == faults
    assert (row["status"], row["rul_days"], row["act_by"], row["expected_saving_usd"]) == ("bad_data", None, None, None)


def test_sound_machines_keep_their_numbers(spoilt: Spoilt, demo: Demo) -> None:
    sound = ("COMP-002", "COMP-006", "COMP-008", "COMP-009")
    assert [_row(spoilt.scored, name)["rul_days"] for name in sound] == [_row(demo.report, name)["rul_days"] for name in sound]


def test_a_check_and_alerts_name_the_machines(spoilt: Spoilt) -> None:
    assert spoilt.books["alerts"]["data_raised"] == 7  # one for the dead link, one for each of six sensors
    failed = {check["metric_name"]: check for check in spoilt.books["quality"]["failed_on_newest_day"]}
    named = failed["accuracy_sensor_faults"]["failing"]
    assert set(named) >= {"COMP-001", "COMP-004", "COMP-005", "COMP-007", "COMP-010"}


def test_wrong_clocks_are_rejected_and_two_digit_years_refused(spoilt: Spoilt) -> None:
    assert set(spoilt.ingested["refused_files"]) == {"export_ddmmyy.csv"}
    assert spoilt.books["rejected_rows"]["implausible_timestamp"] == 4  # three of 1970, one of 9999 that INT96 makes 1816
    assert "export_ddmmyy.csv" in spoilt.status["refused_files"]


def test_one_bad_event_costs_its_row(spoilt: Spoilt) -> None:
    assert sum(spoilt.event["rejected_events"].values()) == 1
    (rejected,) = spoilt.event["rejected_reference_rows"]
    assert (rejected["line"], rejected["word"]) == (13, "Emergency shutdown")
    assert spoilt.event["loaded_files"] == {"next.csv": 1440}


def test_an_export_that_keeps_its_name_loads_what_is_new(spoilt: Spoilt) -> None:
    first, second = spoilt.exports
    assert (first["loaded_files"], second["loaded_files"]) == ({"export.csv": 18}, {"export.csv": 36})
    assert second["null_words"] == {"export.csv": {"vibration_mms": {"No Data": 1}}}
    assert {first["held_withdrawals"] != {}, second["held_withdrawals"] != {}} == {True}  # one of ten compressors retires nobody
