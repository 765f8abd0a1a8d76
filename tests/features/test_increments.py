"""What a features run recomputes, and that it ends where a full rebuild ends, bit for bit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from config.sections.thresholds import ThresholdsConfig
from features.bronze import BronzeLoad, load_files
from features.build import Rules, bronze_to_build, build_silver_and_gold
from features.increments import BuildState, Influence, RebuildPlan, fingerprint, read_state, rebuilt_since
from features.lake import BRONZE, COMPRESSORS, GOLD, REJECTS, SILVER, Interval, Lake
from features.reference_tables.tables import COMPRESSOR_KEY, merge_reference
from features.row_counts import count_rows
from features.sensor_health.settings import HealthRules
from features.withdrawals import find_file, undo_withdrawal, withdraw_file
from tests.features.readings import LOADED_AT, MONDAY, assert_same_tables, compressors, noisy_fleet, reading, stored, write_readings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Rows = Sequence[dict[str, Any]]
BUILT = (SILVER, REJECTS, GOLD)
DAYS = 7  # more than all look-backs together, so that a run could read too much


class Site:
    """A lake that is fed file by file."""

    def __init__(self, spark: SparkSession, rules: Rules, folder: Path) -> None:
        self.spark, self.rules, self.folder = spark, rules, folder
        self.lake = Lake(str(folder / "lake"))
        self.files = 0
        self.know(compressors("C-1", "C-2", "C-3"))

    def know(self, known: pl.DataFrame) -> None:
        merge_reference(self.lake, COMPRESSORS, known, COMPRESSOR_KEY)

    def load(self, *files: Rows) -> Site:
        named = []
        for rows in files:
            name = f"part-{self.files}.parquet"
            named.append((name, write_readings(self.folder / "readings" / name, rows)))
            self.files += 1
        load_files(lambda: self.spark, BronzeLoad(self.lake, self.folder / "staging", self.rules.etl.ingest, LOADED_AT), named)
        return self

    def build(self, as_of: datetime = LOADED_AT) -> RebuildPlan:
        return build_silver_and_gold(lambda: self.spark, self.lake, self.rules, as_of)

    def versions(self) -> list[int]:
        return [self.lake.version(table) for table in BUILT]


@pytest.fixture(scope="module")
def history() -> Rows:
    return noisy_fleet(3, DAYS, step=60)


@pytest.fixture(scope="module")
def last_hour() -> Rows:
    """One hour of readings of all compressors after the history, a spike among them."""
    rows = [reading(DAYS * 1440 + minute + number / 7, f"C-{number}") for minute in range(0, 60, 30) for number in (1, 2, 3)]
    rows[0]["vibration_mms"] = 9.0
    return rows


@pytest.fixture
def site(spark: SparkSession, rules: Rules, tmp_path: Path) -> Site:
    return Site(spark, rules, tmp_path / "incremental")


@pytest.fixture
def rebuilt(spark: SparkSession, rules: Rules, tmp_path: Path) -> Site:
    """A second site, for the full rebuild."""
    return Site(spark, rules, tmp_path / "rebuilt")


def test_one_more_hour_reads_that_hour_and_its_look_back_and_equals_a_full_rebuild(
    site: Site, rebuilt: Site, history: Rows, last_hour: Rows
) -> None:
    site.load(history).build()
    plan = site.load(last_hour).build()
    start, end = last_hour[0]["timestamp"], last_hour[-1]["timestamp"]
    influence = Influence.of(site.rules.etl)
    assert plan.changed == [Interval(start, end)]
    assert plan.bronze_to_read(influence) == [Interval(start - timedelta(hours=48), end + timedelta(hours=48))]
    assert plan.silver_to_read(influence) == [Interval(start - timedelta(hours=24), end + timedelta(hours=72))]
    ingest = site.rules.etl.ingest
    sliced = bronze_to_build(site.lake.read(site.spark, BRONZE), LOADED_AT, plan, influence, ingest)
    dates = {Path(file).parent.name.removeprefix("_event_date=") for file in sliced.inputFiles()}
    assert dates == {f"2026-03-{day:02}" for day in range(DAYS, DAYS + 3)}, "bronze is read beyond the look-back"
    assert site.lake.commits(GOLD)[0]["metadata"]["rebuilt"] == [[start.isoformat(), (end + timedelta(hours=72)).isoformat()]]
    assert rebuilt.load(history, last_hour).build().changed is None
    assert_same_tables(site.lake, rebuilt.lake, BUILT)
    reasons = count_rows(site.lake)["nulled_values"]
    assert isinstance(reasons, dict)
    assert set(reasons) == {"isolated_spike", "out_of_range"}


def test_late_readings_repeated_ones_and_bad_rows_equal_a_full_rebuild(site: Site, rebuilt: Site, history: Rows) -> None:
    arrived = [row for row in history if not MONDAY + timedelta(days=2) < row["timestamp"] < MONDAY + timedelta(days=2, hours=9)]
    late = [row for row in history if row not in arrived]
    corrected = [{**row, "vibration_mms": 3.5} for row in history[200:210]]
    bad = [reading(None), reading(7000, None), reading(7000, "C-9"), reading(7001, "C-1", vibration_mms=80.0)]
    site.load(arrived, [reading(None, "C-2")]).build()
    site.load(late).build()
    plan = site.load(corrected, bad).build()
    assert plan.unplaced
    rebuilt.load(arrived, [reading(None, "C-2")], late, corrected, bad).build()
    assert_same_tables(site.lake, rebuilt.lake, BUILT)
    books = count_rows(site.lake)
    assert books["rejected_rows"] == {"duplicate": 10, "missing_compressor_id": 1, "missing_timestamp": 2, "unknown_compressor": 1}
    assert books["pending_rows"] == 0


def test_replay_in_hourly_steps_equals_one_build(site: Site, rebuilt: Site, history: Rows) -> None:
    end = history[-1]["timestamp"]
    site.load(history)
    for hours in (3, 2, 1, 0):
        site.build(end - timedelta(hours=hours))
        assert pl.read_delta(site.lake.uri(GOLD))["timestamp"].max() <= end - timedelta(hours=hours)  # type: ignore[operator]
    rebuilt.load(history).build(end)
    assert_same_tables(site.lake, rebuilt.lake, BUILT)
    assert site.lake.version(GOLD) == 3


def test_what_happens_to_a_site_in_a_row_ends_where_a_full_rebuild_ends(site: Site, rebuilt: Site, last_hour: Rows) -> None:
    """One site lives through all of it: building it anew for each would take a minute of CPU."""
    end = last_hour[-1]["timestamp"]
    assert read_state(site.lake) is None
    site.load(last_hour[:4], [reading(None)]).build(end)

    _a_run_with_nothing_new_or_an_earlier_moment_commits_nothing(site, end)
    _rows_without_a_timestamp_alone_reach_the_rejects_and_are_not_new_again(site)
    _readings_of_a_wrong_clock_at_either_end_of_the_calendar_are_booked(site)
    _stopped_between_silver_and_gold_the_next_run_finishes(site, last_hour[4:])
    _gold_that_changed_since_a_version_is_told_from_its_commits(site, last_hour[4:])
    _gold_restored_by_hand_is_rebuilt(site)

    rebuilt.load(last_hour[:4], [reading(None)], [reading(None, vibration_mms=4.0)], _WRONG_CLOCKS, last_hour[4:]).build()
    assert_same_tables(site.lake, rebuilt.lake, BUILT)


_WRONG_CLOCKS = [{**reading(0), "timestamp": moment.replace(tzinfo=UTC)} for moment in (datetime.min, datetime.max)]


def _a_run_with_nothing_new_or_an_earlier_moment_commits_nothing(site: Site, end: datetime) -> None:
    before = site.versions()
    for as_of in (end, end - timedelta(hours=1), end + timedelta(days=3)):
        assert site.build(as_of).empty
    assert site.versions() == before


def _rows_without_a_timestamp_alone_reach_the_rejects_and_are_not_new_again(site: Site) -> None:
    plan = site.load([reading(None, vibration_mms=4.0)]).build()
    assert (plan.changed, plan.unplaced) == ([], True)
    assert site.build().empty
    assert count_rows(site.lake)["rejected_rows"] == {"missing_timestamp": 2}


def _readings_of_a_wrong_clock_at_either_end_of_the_calendar_are_booked(site: Site) -> None:
    site.load(_WRONG_CLOCKS).build()
    assert count_rows(site.lake)["rejected_rows"] == {"future_timestamp": 1, "implausible_timestamp": 1, "missing_timestamp": 2}


def _stopped_between_silver_and_gold_the_next_run_finishes(site: Site, rows: Rows) -> None:
    @contextmanager
    def stop_at_gold(name: str) -> Iterator[None]:
        if name == "gold":
            raise KeyboardInterrupt
        yield

    silver, rejects, gold = site.versions()
    site.load(rows)
    with pytest.raises(KeyboardInterrupt):
        build_silver_and_gold(lambda: site.spark, site.lake, site.rules, LOADED_AT, stop_at_gold)
    assert site.versions() == [silver + 1, rejects + 1, gold]
    site.build()
    assert site.versions()[2] == gold + 1


def _gold_that_changed_since_a_version_is_told_from_its_commits(site: Site, rows: Rows) -> None:
    """Also after a compaction, which changes no row."""
    newest = site.versions()[2]
    assert rebuilt_since(site.lake, None) is None
    site.lake.optimize(site.spark, GOLD)
    assert rebuilt_since(site.lake, newest - 1) == [Interval(rows[0]["timestamp"], rows[-1]["timestamp"] + timedelta(hours=72))]
    assert rebuilt_since(site.lake, -1) is None
    assert rebuilt_since(site.lake, newest + 1) == []
    state = read_state(site.lake)
    assert state is not None
    assert (state.file_seq, state.as_of) == (site.files - 1, LOADED_AT)
    assert BuildState.from_metadata(state.to_metadata()) == state


def _gold_restored_by_hand_is_rebuilt(site: Site) -> None:
    newest = site.versions()[2]
    site.spark.sql(f"RESTORE delta.`{site.lake.uri(GOLD)}` TO VERSION AS OF 0").collect()
    assert rebuilt_since(site.lake, newest) is None
    assert site.build().changed is None


def test_changed_reference_data_or_rules_rebuild_everything(site: Site, last_hour: Rows) -> None:
    foreign = [{**row, "compressor_id": "C-4"} for row in last_hour[:2]]
    site.load(last_hour, foreign).build()
    assert count_rows(site.lake)["rejected_rows"] == {"unknown_compressor": 2}
    site.know(compressors("C-4"))
    assert site.build().changed is None
    assert count_rows(site.lake)["rejected_rows"] == {}
    etl = site.rules.etl.model_copy(update={"gold": site.rules.etl.gold.model_copy(update={"delta_tolerance_s": 1.0})})
    site.rules = dataclasses.replace(site.rules, etl=etl)
    assert site.build().changed is None
    assert site.build().empty


LOWER = {"warning": {"value": 25, "source": "the maker"}}
EARLIER = {"warning": {"value": 5.5, "source": "the maker"}}


@pytest.mark.parametrize(
    ("key", "value", "rebuilds"),
    [
        ("sensors.vibration_mms.warning.description", "Look soon", False),
        ("sensors.vibration_mms.physical.source", "the maker", False),
        ("sensors.vibration_mms.normal.high", 4.6, False),
        ("sensors.suction_pressure_psi.warning.value", 31.0, False),
        ("derived.temp_1hr_delta.warning.value", 25.0, False),
        ("overrides", {"Ariel JGK/4": {"suction_pressure_psi": LOWER}}, False),
        ("sensors.gas_flow_mcf.physical.high", 60_000.0, True),
        ("sensors.vibration_mms.warning.value", 6.5, True),
        ("sensors.discharge_temp_f.critical", None, True),
        ("overrides", {"Ariel JGK/4": {"vibration_mms": EARLIER}}, True),
    ],
)
def test_a_threshold_rebuilds_only_where_it_shapes_rows(rules: Rules, key: str, value: Any, rebuilds: bool) -> None:
    told = rules.thresholds.model_dump()
    *parents, leaf = key.split(".")
    inner = told
    for parent in parents:
        inner = inner[parent]
    inner[leaf] = value
    changed = ThresholdsConfig.model_validate(told)
    assert changed != rules.thresholds
    health = (HealthRules.of(rules.sensor_health, item) for item in (rules.thresholds, changed))
    judged = zip((rules.thresholds, changed), health, strict=True)
    before, after = (fingerprint(compressors("C-1"), rules.etl, item, rules.fleet, own) for item, own in judged)
    assert (after != before) is rebuilds


def test_after_a_withdrawal_all_is_as_if_the_file_had_never_been_there_and_back(site: Site, rebuilt: Site, last_hour: Rows) -> None:
    wrong = [{**reading(minute, "C-2"), "vibration_mms": 9.0} for minute in range(DAYS * 1440 - 240, DAYS * 1440 + 90, 10)]
    site.load(last_hour, [*wrong, reading(None, "C-2")]).build()
    before = {table: stored(site.lake, table) for table in BUILT}
    file = find_file(site.lake, "part-1.parquet")
    withdraw_file(site.lake, file, "ana", None, LOADED_AT)
    plan = site.build()
    assert plan.changed == [Interval(wrong[0]["timestamp"], max(wrong[-1]["timestamp"], last_hour[-1]["timestamp"]))]
    rebuilt.load(last_hour).build()
    assert_same_tables(site.lake, rebuilt.lake, (SILVER, GOLD))
    books = count_rows(site.lake)
    assert (books["rejected_rows"], books["pending_rows"]) == ({"withdrawn": len(wrong) + 1}, 0)
    assert site.build().empty
    undo_withdrawal(site.lake, file, LOADED_AT)
    site.build()
    for table, rows in before.items():
        assert stored(site.lake, table).equals(rows), table
