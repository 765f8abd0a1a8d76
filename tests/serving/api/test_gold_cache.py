"""The service's cached past equals what the batch job reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from config.sections.serving import GoldSection
from serving.api.gold_cache import GoldVersion, read_newest
from serving.prediction.predictor import read_past
from serving.prediction.reference_day import past_days_of
from tests.serving.gold import gold_row, write_gold

NEWEST = datetime(2026, 3, 14, 5, 50, tzinfo=UTC)
IDS = ["C-2", "C-9", "C-1"]


def _gold(folder: Path, most_rows: int) -> GoldVersion:
    ages = [(name, minutes) for name in ("C-1", "C-2") for minutes in range(0, 12 * 24 * 60, 30)]
    rows = [gold_row(name, NEWEST - timedelta(minutes=age), vibration_1hr_mean=float(age + len(name))) for name, age in ages]
    return read_newest(write_gold(folder, rows), GoldSection(hours=48, most_rows=most_rows, check_s=0))


@pytest.mark.parametrize("most_rows", [1_000_000, 10])
@pytest.mark.parametrize("hours_before", [-2.5, 0.0, 0.9, 23.9, 24.0, 30.0, 100.0])
def test_the_days_that_reasons_compare_with_are_those_of_the_table(tmp_path: Path, hours_before: float, most_rows: int) -> None:
    gold, as_of = _gold(tmp_path, most_rows), NEWEST - timedelta(hours=hours_before)
    kept = past_days_of(gold.past(IDS, as_of), IDS, as_of)
    np.testing.assert_array_equal(kept, past_days_of(read_past(gold.table, IDS, as_of), IDS, as_of))
    assert np.isnan(kept[1]).all()
    assert not np.isnan(kept[[0, 2]]).all(axis=(2, 3)).any()


def test_near_the_newest_reading_the_past_is_read_once(tmp_path: Path) -> None:
    gold = _gold(tmp_path, 1_000_000)
    assert gold.past(["C-1"], NEWEST) is gold.past(["C-2"], NEWEST - timedelta(hours=3))
    assert gold.past(["C-1"], NEWEST - timedelta(hours=25)).compressor_ids == ["C-1"]
