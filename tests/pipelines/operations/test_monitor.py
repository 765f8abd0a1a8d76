"""Monitoring from gold to a decision, and the disturbance that the benchmark puts into raw readings; no JVM."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from config.errors import NoDataError
from config.settings import Settings
from features.contract import COMPRESSOR_ID, DISCHARGE_TEMP, TIMESTAMP, VIBRATION
from monitoring.drift.reference import make_reference
from pipelines.benchmarking.drift import DisturbedSensor, disturb
from pipelines.operations.monitor import Watched, compare
from tests.monitoring.drift.snapshots import fleet
from tests.serving.gold import gold_row, mean_model, write_gold

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def watched(settings: Settings) -> Watched:
    """A model whose predicted life is the mean vibration, trained on lives from 15 to 30 days."""
    return Watched(mean_model(), make_reference(fleet(np.random.default_rng(1), 20, 7), settings.monitoring.reference))


def test_a_young_fleet_is_judged_by_its_predictions_and_says_why_not_by_its_features(
    tmp_path: Path, settings: Settings, watched: Watched
) -> None:
    rows = [gold_row(f"C-{unit}", NOON - hour * HOUR, vibration_1hr_mean=60.0) for unit in range(6) for hour in range(30)]
    compared = compare(settings, watched, write_gold(tmp_path / "gold", rows), NOON)
    assert compared.snapshots.rul[:, -1].tolist() == [60.0] * 6
    assert compared.decision.retrain is True
    prediction, features = compared.decision.reasons
    assert prediction.startswith("prediction PSI ")
    assert features == "features cannot be compared yet: the fleet's history of 0.667 days is too short to compare it with itself"


def test_what_is_not_known_yet_at_the_moment_is_not_looked_at(tmp_path: Path, settings: Settings, watched: Watched) -> None:
    past = [gold_row(f"C-{unit}", NOON - hour * HOUR, vibration_1hr_mean=20.0) for unit in range(6) for hour in range(30)]
    later = [gold_row(f"C-{unit}", NOON + hour * HOUR, vibration_1hr_mean=90.0) for unit in range(6) for hour in range(1, 30)]
    then = compare(settings, watched, write_gold(tmp_path / "then", past), NOON)
    replayed = compare(settings, watched, write_gold(tmp_path / "replayed", [*past, *later]), NOON)
    assert (replayed.distances, replayed.decision) == (then.distances, then.decision)


def test_a_moment_without_data_is_an_error_that_says_what_to_do(tmp_path: Path, settings: Settings, watched: Watched) -> None:
    gold = write_gold(tmp_path / "gold", [gold_row("C-1", NOON)])
    with pytest.raises(
        NoDataError,
        match=r"gold has no readings in the 28 days up to 2026-05-01T00:00:00: ingest newer readings, or choose an earlier --as-of",
    ):
        compare(settings, watched, gold, datetime(2026, 5, 1, tzinfo=UTC))


def test_the_disturbance_touches_one_sensor_of_the_drawn_compressors_from_the_moment_on(tmp_path: Path) -> None:
    units = [f"C-{number}" for number in range(6)]
    readings = pl.DataFrame(
        [
            {COMPRESSOR_ID: unit, TIMESTAMP: NOON + hour * HOUR, DISCHARGE_TEMP: 200.0, VIBRATION: 3.0}
            for unit in units
            for hour in (-1, 0, 1)
        ]
    )
    (tmp_path / "readings").mkdir()
    readings.write_parquet(tmp_path / "readings" / "part-0000.parquet")
    pl.DataFrame({COMPRESSOR_ID: units}).write_csv(tmp_path / "compressor_metadata.csv")
    disturb(tmp_path, DisturbedSensor(DISCHARGE_TEMP, 1.08, 0.333, NOON, seed=1))
    after = pl.read_parquet(tmp_path / "readings" / "part-0000.parquet")
    assert after.drop(DISCHARGE_TEMP).equals(readings.drop(DISCHARGE_TEMP))
    touched = after.filter(pl.col(DISCHARGE_TEMP) != 200.0)
    assert touched[DISCHARGE_TEMP].unique().to_list() == [216.0]
    assert touched[TIMESTAMP].min() == NOON
    assert touched.group_by(COMPRESSOR_ID).len()["len"].to_list() == [2, 2]
