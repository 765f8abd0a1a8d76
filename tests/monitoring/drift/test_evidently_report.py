"""Evidently itself: the page that is kept, and what it says by default."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from config.sections.monitoring import MonitoringConfig
from config.settings import Settings
from monitoring.drift.evidently_report import PREDICTION, compare_by_preset, raw_frame, report_frames, write_report
from monitoring.drift.reference import make_reference
from monitoring.drift.snapshots import COMPARED, FleetSnapshots
from tests.monitoring.drift.snapshots import PER_DAY, TEMPERATURES, WEEK, fleet, moved

WARNING_DAYS = 14.0


@pytest.fixture(scope="module")
def config(settings: Settings) -> MonitoringConfig:
    shipped = settings.monitoring
    return shipped.model_copy(update={"report": shipped.report.model_copy(update={"rows": 150})})


def test_the_page_is_written_and_shows_every_column_that_is_compared(tmp_path: Path, config: MonitoringConfig) -> None:
    reference = make_reference(fleet(np.random.default_rng(1), 20, 7), config.reference)
    now = moved(fleet(np.random.default_rng(2), 12, 4), 4, TEMPERATURES, by=8.0)
    now.values[:, :, COMPARED.index("pressure_differential")] = np.nan
    file = tmp_path / "new" / "drift.html"
    assert write_report(file, reference, now, config, WARNING_DAYS) is True
    page = file.read_text(encoding="utf-8")
    assert page.lstrip().startswith("<html") or "<!doctype html" in page[:200].lower()
    assert [name for name in (*COMPARED, PREDICTION) if name not in page] == ["pressure_differential"]


def test_rows_are_compressors_and_the_reference_is_cut_to_the_configured_number(config: MonitoringConfig) -> None:
    reference = make_reference(fleet(np.random.default_rng(1), 60, 8), config.reference)
    past, now = report_frames(reference, fleet(np.random.default_rng(2), 12, 4), config, WARNING_DAYS)
    assert (len(past), len(now)) == (150, 12)
    assert list(past.columns) == list(now.columns) == [PREDICTION, *COMPARED]


def test_a_fleet_too_young_to_compare_shows_its_predictions_only(config: MonitoringConfig) -> None:
    reference = make_reference(fleet(np.random.default_rng(1), 20, 6), config.reference)
    young = FleetSnapshots(*(side[:, :PER_DAY] for side in (fleet(np.random.default_rng(2), 12, 1).values, np.full((12, WEEK), 20.0))), 4)  # type: ignore[arg-type]
    past, now = report_frames(reference, young, config, WARNING_DAYS)
    assert (list(now.columns), now[PREDICTION].tolist()) == ([PREDICTION], [20.0] * 12)
    assert past[PREDICTION].between(14, 31).all()


def test_nothing_to_compare_writes_no_page(tmp_path: Path, config: MonitoringConfig) -> None:
    reference = make_reference(fleet(np.random.default_rng(1), 20, 6), config.reference)
    empty = FleetSnapshots(np.full((3, WEEK, len(COMPARED)), np.nan, np.float32), np.full((3, WEEK), np.nan, np.float32), 4)
    assert write_report(tmp_path / "drift.html", reference, empty, config, WARNING_DAYS) is False
    assert list(tmp_path.iterdir()) == []


def test_the_default_of_evidently_is_a_distance_for_many_rows_and_a_test_for_few() -> None:
    random = np.random.default_rng(3)

    def rows(number: int, by: float) -> pd.DataFrame:
        return pd.DataFrame({"still": random.normal(0, 1, number), "moved": random.normal(by, 1, number)})

    many, few = compare_by_preset(rows(1200, 0.2), rows(1200, 0)), compare_by_preset(rows(200, 1), rows(200, 0))
    assert (many.drifted, many.columns, many.share, many.dataset_drift) == (["moved"], 2, 0.5, True)
    assert few.drifted == ["moved"]


def test_rows_for_evidently_are_looks_with_a_reading() -> None:
    snapshots = fleet(np.random.default_rng(4), 2, 1)
    snapshots.values[0, :3] = np.nan
    frame = raw_frame(snapshots)
    assert (list(frame.columns), len(frame)) == ([*COMPARED, PREDICTION], 2 * WEEK - 3)
