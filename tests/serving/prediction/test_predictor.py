from __future__ import annotations

import hashlib
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deltalake import DeltaTable

from config.errors import ConfigError, ModelError, NoDataError
from config.sections.scoring import ScoringConfig
from features.contract import FEATURES, SENSORS, STATUS_FEATURES, WINDOW_STEPS
from features.grid import History, steps_before
from features.model_file.weibull_lifetime import Ageing
from features.sensor_health.fault import Fault, encode_faults
from serving.prediction.predictor import Predictor, source_of
from serving.schemas import Prediction, report_row
from tests.serving.gold import COSTS, SCORING, drivers_model, gold_row, mean_model, with_ageing, write_gold

AS_OF = datetime(2026, 3, 9, 5, 50, tzinfo=UTC)


def _hourly(compressor_id: str, vibration: float, hours: range = range(24), **features: Any) -> list[dict[str, Any]]:
    return [gold_row(compressor_id, AS_OF - timedelta(hours=hour), vibration_1hr_mean=vibration, **features) for hour in hours]


def _predict(folder: Path, rows: list[dict[str, Any]], compressor_ids: list[str], scoring: ScoringConfig = SCORING) -> list[Prediction]:
    return Predictor(mean_model(), scoring, COSTS, threads=1).predict(write_gold(folder, rows), compressor_ids, AS_OF, {})


def test_numbers_are_the_models_answer_for_the_window(tmp_path: Path) -> None:
    (prediction,) = _predict(tmp_path, _hourly("C-1", 4.0), ["C-1"])
    assert report_row(prediction) == {
        "compressor_id": "C-1",
        "status": "ok",
        "data_faults": [],
        "rul_days": 4.0,
        "rul_lower_days": 2.0,
        "rul_upper_days": 6.0,
        "failure_probability": 0.2,
        "confidence_score": round(1 - 4 / 30, 4),
        "act_by": date(2026, 3, 12),
        # 0.8 x 72,500 of a failure avoided, less 0.8 x 1.485 days of life, at 776.3 a day
        "expected_saving_usd": pytest.approx(58_000 - 922, abs=5),
        "horizon_days": 3.0,
        "reasons": ["no reasons: none of the last 7 days has enough readings to compare with"],
    }
    assert (prediction.health, prediction.model_version, prediction.prediction_timestamp) == ("critical", "7", AS_OF)


def test_features_used_hold_the_last_step_and_its_source(tmp_path: Path) -> None:
    (prediction,) = _predict(tmp_path, [*_hourly("C-1", 4.0, range(1, 24)), *_hourly("C-1", 9.5, range(1), temp_status="warning")], ["C-1"])
    used = dict(prediction.features_used)
    values = used.pop("values")
    assert used == {
        "feature_set_version": "1",
        "gold_uri": f"file://{tmp_path}/",
        "gold_table_id": str(DeltaTable(str(tmp_path)).metadata().id),
        "gold_version": 0,
        "model_digest": hashlib.sha256(mean_model().onnx).hexdigest()[:16],
        "min_steps": 18,
        "stale_after_hours": 3.0,
        "scoring_digest": SCORING.digest("min_steps", "stale_after_hours"),
        "costs_digest": COSTS.digest("simulation"),
        "scored_by": "batch",
        "window_start": "2026-03-08T05:50:00+00:00",
        "window_end": "2026-03-09T05:50:00+00:00",
        "renewed_at": None,
    }
    assert tuple(values) == FEATURES
    assert (values["vibration_1hr_mean"], values["temp_status"], values["temp_1hr_mean"]) == (9.5, 1.0, 1.0)


def test_missing_hours_are_filled_from_the_hour_before_and_a_leading_gap_from_the_hour_after(tmp_path: Path) -> None:
    rows = [*_hourly("C-1", 2.0, range(12, 22)), *_hourly("C-1", 8.0, range(10))]  # hours 22, 23 and 10, 11 are missing
    (prediction,) = _predict(tmp_path, rows, ["C-1"])
    assert prediction.rul_days == round((14 * 2.0 + 10 * 8.0) / 24, 2)


def test_too_few_hours_give_no_number_but_the_count(tmp_path: Path) -> None:
    enough, short = _predict(tmp_path, _hourly("C-1", 4.0, range(18)) + _hourly("C-2", 4.0, range(17)), ["C-1", "C-2"])
    assert (enough.compressor_id, enough.status) == ("C-1", "ok")
    assert (short.status, short.rul_days, short.failure_probability, short.confidence_score) == ("insufficient_history", None, None, None)
    assert short.reasons == ["only 17 of the last 24 hours have data; a prediction needs 18"]


@pytest.mark.parametrize(
    ("feature", "named"),
    [("vibration_status", "vibration"), ("temp_status", "discharge temperature"), ("pressure_status", "discharge pressure")],
)
def test_a_sensor_that_is_dead_gives_no_number_and_is_named(tmp_path: Path, feature: str, named: str) -> None:
    rows = [*_hourly("C-1", 4.0, range(7, 24)), *(row | {feature: None} for row in _hourly("C-1", 4.0, range(7)))]
    (prediction,) = _predict(tmp_path, rows, ["C-1"])
    assert (prediction.status, prediction.rul_days, prediction.act_by) == ("insufficient_history", None, None)
    (reason,) = prediction.reasons
    assert reason.startswith("only 17 of the last 24 hours have values of every sensor (")
    assert f"{named} 17" in reason


def test_a_repair_that_is_due_has_its_reasons_even_where_the_life_is_above_the_warning(tmp_path: Path) -> None:
    planned = [row for life in (14.5, 15.0, 16.0, 17.0, 29.0) for row in _predict(tmp_path, _hourly("C-1", life), ["C-1"])]
    assert [row.health for row in planned] == ["healthy"] * 5
    assert [row.act_by is not None for row in planned] == [
        row.reasons != ["nothing to plan: the predicted life is above 14 days"] for row in planned
    ]
    assert {row.act_by is None for row in planned} == {True, False}


def test_no_recent_reading_is_stale_and_gives_no_number(tmp_path: Path) -> None:
    rows = _hourly("C-1", 4.0, range(3, 24)) + _hourly("C-2", 4.0, range(4, 24)) + _hourly("C-4", 4.0, range(30, 40))
    first, second, third, fourth = _predict(tmp_path, rows, ["C-1", "C-2", "C-3", "C-4"])
    assert (first.compressor_id, first.status) == ("C-1", "ok")  # the newest reading is exactly three hours old
    assert [(row.status, row.rul_days, row.reasons) for row in (second, third, fourth)] == [
        ("stale", None, ["no reading in the last 3 h; the last one is from 2026-03-09 01:50 UTC"]),
        ("stale", None, ["no reading in the last 24 h"]),
        ("stale", None, ["no reading in the last 24 h"]),
    ]


def test_most_urgent_comes_first_and_rows_without_numbers_last(tmp_path: Path) -> None:
    rows = _hourly("C-1", 20.0) + _hourly("C-2", 3.0) + _hourly("C-3", 9.0)
    ranked = _predict(tmp_path, rows, ["C-0", "C-1", "C-2", "C-3"])
    assert [(row.compressor_id, row.health) for row in ranked] == [
        ("C-2", "critical"),
        ("C-3", "warning"),
        ("C-1", "healthy"),
        ("C-0", None),
    ]


def test_a_repair_has_a_date_only_where_it_is_due_and_there_is_a_number(tmp_path: Path) -> None:
    rows = _hourly("C-1", 4.0) + _hourly("C-2", 29.0) + _hourly("C-3", 4.0, range(5))
    due, healthy, short = _predict(tmp_path, rows, ["C-1", "C-2", "C-3"])
    assert (due.act_by, healthy.act_by, short.act_by) == (date(2026, 3, 12), None, None)
    assert (healthy.status, healthy.expected_saving_usd, short.expected_saving_usd) == ("ok", None, None)


@pytest.mark.parametrize(
    ("as_of", "act_by"),
    [
        (datetime(2026, 3, 9, 23, 50, tzinfo=UTC), date(2026, 3, 12)),  # parts come late on the 12th
        (datetime(2026, 3, 9, 18, 50, tzinfo=timezone(timedelta(hours=-6))), date(2026, 3, 13)),  # 00:50 of the 10th, UTC
        (datetime(2026, 3, 10, 3, 50, tzinfo=timezone(timedelta(hours=6))), date(2026, 3, 12)),  # 21:50 of the 9th, UTC
    ],
)
def test_a_repair_is_dated_in_utc_days_from_the_moment_asked_whatever_its_zone(tmp_path: Path, as_of: datetime, act_by: date) -> None:
    rows = [gold_row("C-1", as_of.astimezone(UTC) - timedelta(hours=hour), vibration_1hr_mean=4.0) for hour in range(24)]
    (prediction,) = Predictor(mean_model(), SCORING, COSTS, threads=1).predict(write_gold(tmp_path, rows), ["C-1"], as_of, {})
    assert prediction.act_by == act_by  # three days later


def test_readings_after_the_asked_time_change_nothing(tmp_path: Path) -> None:
    rows = _hourly("C-1", 4.0)
    later = [gold_row("C-1", AS_OF + timedelta(minutes=10), vibration_1hr_mean=99.0)]
    (then,), (afterwards,) = _predict(tmp_path / "then", rows, ["C-1"]), _predict(tmp_path / "later", rows + later, ["C-1"])
    assert report_row(then) == report_row(afterwards)
    assert then.features_used["values"] == afterwards.features_used["values"]


def test_same_question_twice_has_the_same_answer(tmp_path: Path) -> None:
    gold = write_gold(tmp_path, _hourly("C-1", 4.0) + _hourly("C-2", 5.0))
    predictor = Predictor(mean_model(), SCORING, COSTS, threads=1)
    assert predictor.predict(gold, ["C-1", "C-2"], AS_OF, {}) == predictor.predict(gold, ["C-2", "C-1"], AS_OF, {})


def test_reasons_name_what_the_model_was_driven_by_and_not_what_merely_changed(tmp_path: Path) -> None:
    before = _hourly("C-1", 3.0, range(24, 48), vibration_4hr_mean=3.2, temp_1hr_mean=200.0)
    then = _hourly("C-1", 4.5, range(1, 24), temp_1hr_mean=220.0)
    now = _hourly("C-1", 4.5, range(1), vibration_4hr_mean=4.4, temp_1hr_mean=300.0, vibration_status="warning")
    weights = {"vibration_1hr_mean": -2.0, "temp_1hr_mean": 0.001, "hour_of_day": -5.0}
    predictor = Predictor(drivers_model(17.0, weights), SCORING, COSTS, threads=1)
    (prediction,) = predictor.predict(write_gold(tmp_path, before + then + now), ["C-1"], AS_OF, {})
    assert prediction.rul_days == 3.3
    assert prediction.reasons == [
        "vibration 4 h mean up 38% in 1 day to 4.4 mm/s (warning): 3.0 days off the predicted life, mostly from the last 6 h, failure probability +0.10"
    ]


def test_no_reason_is_invented_for_a_machine_that_shows_what_it_showed_all_week(tmp_path: Path) -> None:
    weights = dict.fromkeys(("vibration_1hr_mean", "temp_1hr_mean", "pressure_1hr_mean"), -2.0)
    predictor = Predictor(drivers_model(12.0, weights), SCORING, COSTS, threads=1)
    (prediction,) = predictor.predict(write_gold(tmp_path, _hourly("C-1", 1.0, range(240))), ["C-1"], AS_OF, {})
    assert prediction.rul_days == 6.0
    assert prediction.reasons == ["no sensor takes 1 d or more off the predicted life, compared with the best of the last 7 days"]


def test_a_healthy_compressor_costs_no_further_run_of_the_model_and_no_further_read(tmp_path: Path) -> None:
    gold = write_gold(tmp_path, _hourly("C-1", 25.0))

    def past(ids: list[str], as_of: datetime) -> History:
        raise AssertionError(f"what went before {as_of} of {ids} was read")

    steps = steps_before(gold, ["C-1"], AS_OF)
    (prediction,) = Predictor(mean_model(), SCORING, COSTS, threads=1).predict_steps(steps, AS_OF, source_of(gold), past, {})
    assert prediction.reasons == ["nothing to plan: the predicted life is above 14 days"]


def test_null_feature_is_none_in_features_used_and_no_reason(tmp_path: Path) -> None:
    predictor = Predictor(drivers_model(12.0, {"temp_1hr_delta": -2.0}), SCORING, COSTS, threads=1)
    rows = _hourly("C-1", 4.0, temp_1hr_delta=None)
    (prediction,) = predictor.predict(write_gold(tmp_path, rows + _hourly("C-1", 4.0, range(24, 48))), ["C-1"], AS_OF, {})
    assert prediction.features_used["values"]["temp_1hr_delta"] is None
    assert prediction.reasons == ["no sensor takes 1 d or more off the predicted life, compared with the best of the last 7 days"]


def test_answer_that_is_no_number_is_refused(tmp_path: Path) -> None:
    rows = [row | {"vibration_1hr_mean": float("inf")} for row in _hourly("C-1", 1.0)]
    with pytest.raises(ModelError, match="version 7 predicts a value that is not finite"):
        _predict(tmp_path, rows, ["C-1"])


def test_moment_before_all_data_is_named_with_the_first_row(tmp_path: Path) -> None:
    gold = write_gold(tmp_path, [gold_row("C-1", AS_OF + timedelta(hours=1))])
    with pytest.raises(NoDataError, match=r"nothing at or before 2026-03-09T05:50:00\+00:00; its first row is from 2026-03-09T06:50:00"):
        Predictor(mean_model(), SCORING, COSTS, threads=1).predict(gold, ["C-1"], AS_OF, {})


def test_model_for_other_windows_is_refused() -> None:
    with pytest.raises(ModelError, match=r"version 7 takes windows \[12, 24\], this version makes \[24, 24\]"):
        Predictor(mean_model(steps=12), SCORING, COSTS, threads=1)


def test_a_notable_change_of_no_sensor_is_refused() -> None:
    changes = {"hour_of_day": SCORING.reasons.least_days, "vibration_2hr_mean": SCORING.reasons.least_days}
    reasons = SCORING.reasons.model_copy(update={"notable_changes": changes})
    with pytest.raises(ConfigError, match=r"reasons\.notable_changes: hour_of_day, vibration_2hr_mean: not a feature of a sensor"):
        Predictor(mean_model(), SCORING.model_copy(update={"reasons": reasons}), COSTS, threads=1)


def test_scoring_loads_neither_spark_nor_tensorflow_nor_mlflow() -> None:
    code = (
        "import sys, serving.prediction.predictor, serving.warehouse.tables, serving.warehouse.migrations; "
        "print([name for name in ('pyspark', 'tensorflow', 'keras', 'mlflow', 'alembic', 'training') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_the_age_of_a_machine_can_call_for_a_repair_or_forbid_one_and_is_told(tmp_path: Path) -> None:
    gold = write_gold(tmp_path, [row for life in (5, 17) for row in _hourly(f"C-{life}", float(life), range(72))])
    predictor = Predictor(with_ageing(mean_model(), Ageing(3.3, 42.0, 70.0)), SCORING, COSTS, threads=1)

    def predicted(compressor_id: str, age_days: float | None) -> tuple[date | None, list[str], str | None]:
        renewed = {} if age_days is None else {compressor_id: AS_OF - timedelta(days=age_days)}
        (row,) = predictor.predict(gold, [compressor_id], AS_OF, renewed)
        assert (row.expected_saving_usd is None) == (row.act_by is None)
        return row.act_by, row.reasons, row.features_used["renewed_at"]

    nothing, unmoved = (
        "nothing to plan: the predicted life is above 14 days",
        "no sensor takes 1 d or more off the predicted life, compared with the best of the last 7 days",
    )
    assert predicted("C-17", None) == (None, [nothing], None)
    assert predicted("C-17", 20) == (None, [nothing], "2026-02-17T05:50:00+00:00")
    old = "age: 45 days since the last failure, repair or service; 54% of machines of that age fail within 7 days"
    assert predicted("C-17", 45) == (date(2026, 3, 12), [old, unmoved], "2026-01-23T05:50:00+00:00")
    assert predicted("C-5", None) == (*predicted("C-5", 20)[:2], None) == (date(2026, 3, 12), [unmoved], None)
    mended = "no repair date yet: the readings of the last 24 h begin before the restart after the last failure, repair or service"
    assert predicted("C-5", 0.5) == (None, [unmoved, mended], "2026-03-08T17:50:00+00:00")
    assert predicted("C-5", -0.5)[:2] == (None, [unmoved, mended])  # it still stands still


def test_a_machine_without_a_number_has_the_beginning_of_its_life_too(tmp_path: Path) -> None:
    gold = write_gold(tmp_path, _hourly("C-1", 4.0, range(5)))
    (row,) = Predictor(mean_model(), SCORING, COSTS, threads=1).predict(gold, ["C-1"], AS_OF, {"C-1": AS_OF - timedelta(days=3)})
    assert (row.status, row.features_used["renewed_at"]) == ("insufficient_history", "2026-03-06T05:50:00+00:00")


def _at(hours_before: float) -> int:
    """Microseconds since 1970 of a moment before AS_OF."""
    return round((AS_OF - timedelta(hours=hours_before)).timestamp() * 1e6)


def _faulty(rows: list[dict[str, Any]], *faults: Fault, until: float = 0.0) -> list[dict[str, Any]]:
    """Rows that name the faults, without the sensor's value, until some hours before AS_OF."""
    statuses = {sensor: name for name, sensor in STATUS_FEATURES.items()}
    found = []
    for row in rows:
        moment = round(row["timestamp"].timestamp() * 1e6)
        own = [fault for fault in faults if fault.since_us <= moment <= _at(until)]
        gone = {statuses[fault.sensor]: None for fault in own if fault.sensor in statuses}
        found.append({**row, **gone, "data_faults": encode_faults(own)})
    return found


def test_a_dead_link_gives_bad_data_and_one_fault_of_every_sensor(tmp_path: Path) -> None:
    faults = [Fault(sensor, "frozen", _at(20)) for sensor in SENSORS]
    (prediction,) = _predict(tmp_path, _faulty(_hourly("C-1", 4.0), *faults), ["C-1"])
    assert (prediction.status, prediction.rul_days, prediction.act_by) == ("bad_data", None, None)
    assert prediction.data_faults == [
        {"sensor": "all", "fault": "frozen", "since": "2026-03-08T09:50:00Z", "detail": "no change for 20 h: the link is dead"}
    ]
    assert prediction.reasons[0] == (
        "the data cannot be used: every sensor frozen since 2026-03-08T09:50:00Z (no change for 20 h: the link is dead)"
    )


def test_a_short_fault_is_named_beside_the_number_that_was_made_without_it(tmp_path: Path) -> None:
    sound = _hourly("C-1", 4.0, range(5, 24))
    wrong = _faulty(_hourly("C-1", 90.0, range(5)), Fault("vibration_mms", "unit_change", _at(4.5), "in/s"))
    (prediction,) = _predict(tmp_path, sound + wrong, ["C-1"])
    assert (prediction.status, prediction.rul_days) == ("ok", 4.0)  # the hours of the fault take the value from before
    assert [item["fault"] for item in prediction.data_faults] == ["unit_change"]
    assert prediction.reasons[-1].startswith(
        "predicted without the values of: vibration unit_change since 2026-03-09T01:20:00Z (the level jumped"
    )
    assert "the readings fit in/s" in prediction.reasons[-1]


def test_hours_before_a_fault_was_known_do_not_count_either(tmp_path: Path) -> None:
    fault = Fault("discharge_temp_f", "frozen", _at(7))
    known = _faulty(_hourly("C-1", 4.0, range(3)), fault)  # known for three hours, begun seven hours ago
    (prediction,) = _predict(tmp_path, [*_hourly("C-1", 4.0, range(3, 24)), *known], ["C-1"])
    assert prediction.status == "bad_data"
    assert "discharge temperature 17" in prediction.reasons[-1]


def test_an_ended_fault_has_its_last_reading(tmp_path: Path) -> None:
    rows = _faulty(_hourly("C-1", 4.0), Fault("gas_flow_mcf", "zero", _at(10)), until=6)
    (prediction,) = _predict(tmp_path, rows, ["C-1"])
    assert prediction.status == "ok"
    assert prediction.data_faults[0]["detail"] == "reads zero while the compressor runs; last seen 2026-03-08T23:50:00Z"


def test_other_compressors_keep_their_numbers_and_their_order(tmp_path: Path) -> None:
    faults = [Fault("vibration_mms", "zero", _at(23))]
    rows = [*_hourly("C-1", 9.0), *_faulty(_hourly("C-2", 1.0), *faults), *_hourly("C-3", 4.0)]
    predictions = _predict(tmp_path, rows, ["C-1", "C-2", "C-3"])
    assert [(row.compressor_id, row.rul_days) for row in predictions] == [("C-3", 4.0), ("C-1", 9.0), ("C-2", None)]


def test_a_missing_value_in_a_window_means_what_it_means_in_gold(tmp_path: Path) -> None:
    rows = [
        *_hourly("C-1", 2.0, range(12, 22)),  # hours 22, 23 and 10, 11 are missing
        *_hourly("C-1", 8.0, range(10)),
        *_hourly("C-2", 4.0, range(17)),
        *_hourly("C-3", 5.0, range(18)),
        *_hourly("C-4", 6.0, range(12)),
        *_hourly("C-4", 6.0, range(12, 24), pressure_status=None),  # a sensor of the model is dead for 12 hours
        *_hourly("C-5", 7.0, temp_24hr_mean=None),
    ]
    names = [f"C-{number}" for number in range(1, 6)]
    gold = write_gold(tmp_path, rows)
    predictor = Predictor(mean_model(), SCORING, COSTS, threads=1)
    in_gold = {row.compressor_id: row for row in predictor.predict(gold, names, AS_OF, {})}
    numbers = predictor.predict_windows(steps_before(gold, names, AS_OF).values)
    assert [in_gold[name].status for name in names] == ["ok", "insufficient_history", "ok", "insufficient_history", "ok"]
    for name, own in zip(names, numbers, strict=True):
        row = in_gold[name]
        assert (own is None) == (row.status != "ok")
        if own is not None:
            assert (own.rul_days, own.rul_lower_days, own.failure_probability) == (
                row.rul_days,
                row.rul_lower_days,
                row.failure_probability,
            )


def test_more_windows_than_one_run_takes_are_predicted_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.prediction.predictor._AT_ONCE", 3)
    windows = np.full((8, WINDOW_STEPS, len(FEATURES)), np.nan, np.float32)
    for number in (0, 1, 2, 4, 5, 6, 7):
        windows[number] = number
    numbers = Predictor(mean_model(), SCORING, COSTS, threads=1).predict_windows(windows)
    assert [item and item.rul_days for item in numbers] == [0.0, 1.0, 2.0, None, 4.0, 5.0, 6.0, 7.0]
