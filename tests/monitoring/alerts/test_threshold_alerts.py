from __future__ import annotations

import polars as pl
import pytest

from config.errors import ConfigError
from config.sections.thresholds import AmountOverride, DelayOverride, LimitOverride, SensorOverride
from config.settings import Settings
from features.contract import PRESSURE_DIFFERENTIAL, TEMP_DELTA
from monitoring.alerts.engine import AlertEngine
from monitoring.alerts.threshold_alerts import alert_quantities
from serving.warehouse.alerts import Alert
from tests.features.readings import HEALTHY, compressors, reading, series
from tests.monitoring.alerts.alerts_of import GOLD_SCHEMA, SILVER_SCHEMA, alerts_of, at, limits_engine, silver_of, spans

NORMAL = 3.0  # mm/s; warning from 6, critical from 8, deadband 0.5, on-delay 10 minutes, off-delay 20
INSIDE = 5.8  # inside the limit, and in the deadband
STOPPED = {"vibration_mms": 0.2, "horsepower_consumption": 40.0, "gas_flow_mcf": 0.0}


@pytest.fixture(scope="module")
def engine(settings: Settings) -> AlertEngine:
    return limits_engine(settings)


def test_a_lasting_condition_is_one_alert_with_its_worst_reading(engine: AlertEngine) -> None:
    values = [NORMAL, 6.5, 8.4, 8.1, *[7.0] * 19, NORMAL, NORMAL, NORMAL, NORMAL]
    (alert,) = alerts_of(engine, series(values))
    assert alert == Alert(
        compressor_id="C-1",
        alert_type="vibration_mms_high",
        alert_timestamp=at(10),
        raised_at=at(20),
        critical_at=at(30),
        severity="critical",
        message="vibration 8.4 mm/s is at or above critical 8",
        value=8.4,
        threshold=8.0,
        last_seen=at(220),
        reading_count=22,
        resolved=True,
        resolved_at=at(250),
        settled_at=at(250),
    )


def test_a_limit_is_inclusive_and_a_low_one_is_reached_from_above(engine: AlertEngine) -> None:
    rows = [*series([6.0, 6.0]), *series([30.0, 19.5, 19.0], "suction_pressure_psi", "C-2")]
    found = alerts_of(engine, rows)
    assert [(alert.compressor_id, alert.alert_type, alert.severity, alert.value) for alert in found] == [
        ("C-1", "vibration_mms_high", "warning", 6.0),
        ("C-2", "suction_pressure_psi_low", "critical", 19.0),
    ]
    assert found[1].message == "suction pressure 19 PSI is at or below critical 20"


def test_what_does_not_last_the_on_delay_is_no_alert(engine: AlertEngine) -> None:
    assert alerts_of(engine, series([7.0, NORMAL, 7.0, INSIDE, 7.0])) == []
    assert spans(alerts_of(engine, series([7.0] * 10, step=1))) == []
    assert spans(alerts_of(engine, series([7.0] * 11, step=1))) == [(0, 10, 10, None)]


def test_one_critical_reading_in_a_warning_leaves_it_a_warning(engine: AlertEngine) -> None:
    (alert,) = alerts_of(engine, series([6.5, 8.4, 7.0, 7.0]))
    assert (alert.severity, alert.critical_at, alert.value, alert.threshold) == ("warning", None, 8.4, 6.0)
    assert alert.message == "vibration 8.4 mm/s is at or above warning 6"


def test_three_normal_readings_in_a_row_resolve_and_two_do_not(engine: AlertEngine) -> None:
    raised, two, three = [7.0, 7.0], [NORMAL] * 2, [NORMAL] * 3
    assert spans(alerts_of(engine, series([*raised, *two]))) == [(0, 10, 10, None)]
    assert spans(alerts_of(engine, series([*raised, *two, 7.0, *three]))) == [(0, 10, 40, 70)]
    assert spans(alerts_of(engine, series([*raised, *three, *raised, *three]))) == [(0, 10, 10, 40), (50, 60, 60, 90)]


def test_a_value_in_the_deadband_does_not_resolve(engine: AlertEngine) -> None:
    values = [7.0, 7.0, NORMAL, INSIDE, NORMAL, NORMAL, INSIDE, INSIDE, *[NORMAL] * 3]
    assert spans(alerts_of(engine, series(values))) == [(0, 10, 10, 100)]


def test_the_off_delay_counts_beside_the_normal_readings(settings: Settings) -> None:
    ungrouped = limits_engine(settings, grouping=False)
    frequent = [*[7.0] * 11, *[NORMAL] * 30]
    assert spans(alerts_of(ungrouped, series(frequent, step=1))) == [(0, 10, 10, 31)]


def test_nulls_are_neither_normal_nor_a_violation(engine: AlertEngine) -> None:
    values = [7.0, None, 7.0, NORMAL, None, NORMAL, None, None, NORMAL]
    assert spans(alerts_of(engine, series(values))) == [(0, 20, 20, 80)]


def test_a_stopped_or_starting_machine_raises_nothing(engine: AlertEngine) -> None:
    low = {"suction_pressure_psi": 15.0, "gas_flow_mcf": 0.0}
    stopped = [reading(10 * step, **{**STOPPED, **low}) for step in range(6)]
    starting = [reading(60 + 10 * step, suction_pressure_psi=15.0) for step in range(11)]
    assert alerts_of(engine, [*stopped, *starting]) == []
    settled = [reading(170 + 10 * step, suction_pressure_psi=15.0) for step in range(3)]
    assert spans(alerts_of(engine, [*stopped, *starting, *settled])) == [(170, 180, 190, None)]


def test_a_stop_within_an_alert_neither_counts_nor_resolves(engine: AlertEngine) -> None:
    stop = [reading(20 + 10 * step, **STOPPED) for step in range(6)]
    again = [reading(80 + 10 * step, vibration_mms=NORMAL) for step in range(15)]
    (alert,) = alerts_of(engine, [*series([7.0, 7.0]), *stop, *again])
    # the last stopped reading is of minute 70: two hours later the machine is settled, and the third normal reading is that of minute 210
    assert (spans([alert]), alert.reading_count) == ([(0, 10, 10, 210)], 2)


def test_a_delay_does_not_span_a_stop(engine: AlertEngine) -> None:
    stop = [reading(10 + 10 * step, **STOPPED) for step in range(3)]
    again = [reading(40 + 10 * step, vibration_mms=7.0) for step in range(14)]
    assert spans(alerts_of(engine, [reading(0, vibration_mms=7.0), *stop, *again])) == [(150, 160, 170, None)]


def test_the_state_before_holds_for_two_hours_when_nothing_tells_whether_the_machine_runs(engine: AlertEngine) -> None:
    mute = dict.fromkeys(STOPPED)
    rows = [reading(10 * step, **mute, discharge_temp_f=250.0) for step in range(20)]
    (alert,) = alerts_of(engine, rows)
    assert spans([alert]) == [(0, 20, 110, None)]


def test_a_silent_compressor_stays_open_and_goes_on_with_the_same_alert(engine: AlertEngine) -> None:
    rows = [*series([7.0, 7.0]), *(reading(1440 + minute, vibration_mms=7.0) for minute in range(0, 150, 10))]
    assert spans(alerts_of(engine, rows)) == [(0, 10, 1580, None)]


def test_spells_within_30_minutes_are_one_alert_however_often_they_are_read(engine: AlertEngine, settings: Settings) -> None:
    spell = [7.0] * 11
    within = [*spell, *[NORMAL] * 29, *spell, *[NORMAL] * 31]
    beyond = [*spell, *[NORMAL] * 30, *spell, *[NORMAL] * 31]
    assert spans(alerts_of(engine, series(within, step=1))) == [(0, 10, 50, 80)]
    assert spans(alerts_of(engine, series(beyond, step=1))) == [(0, 10, 10, 40), (41, 51, 51, 81)]
    ungrouped = limits_engine(settings, grouping=False)
    assert spans(alerts_of(ungrouped, series(within, step=1))) == [(0, 10, 10, 31), (40, 50, 50, 71)]


def test_limits_deadband_and_delays_are_those_of_the_compressors_model(settings: Settings) -> None:
    vibration = SensorOverride(
        warning=LimitOverride(value=5.0, source="test"),
        deadband=AmountOverride(value=2.5, source="test"),
        on_delay_minutes=DelayOverride(value=30, source="test"),
        off_delay_minutes=DelayOverride(value=60, source="test"),
    )
    thresholds = settings.thresholds.model_copy(update={"overrides": {"Special": {"vibration_mms": vibration}}})
    fleet = pl.concat([compressors("C-1", model="Special"), compressors("C-2")])
    values = [5.5] * 4 + [NORMAL] * 4 + [2.0] * 7
    special = AlertEngine(
        limits_engine(settings).rules, limits_engine(settings).health, alert_quantities(fleet, thresholds, settings.quality.alerts)
    )
    found = alerts_of(special, [*series(values), *series(values, compressor_id="C-2")])
    assert [(alert.compressor_id, alert.threshold, *spans([alert])) for alert in found] == [("C-1", 5.0, (0, 30, 30, 140))]


def test_a_temperature_rise_must_last_half_an_hour(engine: AlertEngine) -> None:
    def rises(*values: float) -> list[Alert]:
        rows = [("C-1", at(10 * position), 900.0, value) for position, value in enumerate(values)]
        healthy = [reading(10 * position) for position in range(len(values))]
        return alerts_of(engine, healthy, pl.DataFrame(rows, schema=GOLD_SCHEMA, orient="row"))

    assert rises(30.0, 30.0, 30.0, 0.0, 50.0, 0.0) == []
    (alert,) = rises(0.0, 30.0, 25.0, 25.0, 25.0, 0.0, 0.0, 0.0)
    assert (alert.alert_type, alert.value, spans([alert])) == ("temp_1hr_delta_high", 30.0, [(10, 40, 40, 70)])


def test_a_derived_quantity_of_a_stopped_machine_raises_nothing(engine: AlertEngine) -> None:
    minutes_of = range(0, 60, 10)
    gold = pl.DataFrame([("C-1", at(minute), 1300.0, 0.0) for minute in minutes_of], schema=GOLD_SCHEMA, orient="row")
    assert [alert.alert_type for alert in alerts_of(engine, [reading(minute) for minute in minutes_of], gold)] == [
        f"{PRESSURE_DIFFERENTIAL}_high"
    ]
    assert alerts_of(engine, [reading(minute, **STOPPED) for minute in minutes_of], gold) == []


def test_order_of_the_readings_does_not_matter(engine: AlertEngine) -> None:
    silver = silver_of(series([7.0, 7.0, NORMAL, 9.0, *[NORMAL] * 4, 6.1]))
    gold = pl.DataFrame(schema=GOLD_SCHEMA)
    assert engine.find(silver, gold)[0] == engine.find(silver.reverse(), gold)[0] != []


def test_healthy_readings_and_none_at_all_raise_nothing(engine: AlertEngine) -> None:
    assert alerts_of(engine, series([HEALTHY["vibration_mms"]] * 3)) == []
    assert engine.find(pl.DataFrame(schema=SILVER_SCHEMA), pl.DataFrame(schema=GOLD_SCHEMA)) == ([], [])


def test_a_quantity_without_a_name_is_refused(settings: Settings) -> None:
    nameless = settings.quality.alerts.model_copy(update={"names": {}})
    with pytest.raises(ConfigError, match=r"alerts\.names\.vibration_mms is missing"):
        alert_quantities(compressors("C-1"), settings.thresholds, nameless)


def test_delays_and_names_cover_what_has_limits(engine: AlertEngine) -> None:
    assert [item.column for item in engine.quantities][-2:] == [PRESSURE_DIFFERENTIAL, TEMP_DELTA]
