"""`--as-of` for every job that writes: a moment of the future is refused, unless the readings of the home reach it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake
from typer.testing import CliRunner

from config.errors import MomentError
from config.settings import load_settings
from features.contract import LOADED_AT, TIMESTAMP
from features.lake import BRONZE, GOLD, Lake
from pipelines.cli import app
from pipelines.runtime.moment import choose_moment
from tests.serving.gold import gold_row, write_gold

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
DAY, SKEW = timedelta(days=1), timedelta(minutes=10)


def test_the_clock_counts_where_no_moment_is_asked_for(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, environ={})
    assert choose_moment(settings, None, NOW) == NOW
    assert choose_moment(settings, NOW + SKEW, NOW) == NOW + SKEW
    with pytest.raises(MomentError, match="there is no reading"):
        choose_moment(settings, NOW + DAY, NOW)


def test_readings_of_gold_or_bronze_in_the_future_can_be_replayed_but_not_those_of_a_wrong_clock(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, environ={})
    lake = Lake(settings.lake_uri)
    write_gold(Path(lake.uri(GOLD)), [gold_row("C-1", NOW + 2 * DAY)])
    assert choose_moment(settings, NOW + 2 * DAY, NOW) == NOW + 2 * DAY
    # loaded when the clock of this machine was ahead; the last one was later than its own loading
    times = [(NOW + 3 * DAY, NOW + 4 * DAY), (NOW + 900 * DAY, NOW + 4 * DAY)]
    bronze = pl.DataFrame(times, schema={name: pl.Datetime("us", "UTC") for name in (TIMESTAMP, LOADED_AT)}, orient="row")
    write_deltalake(lake.uri(BRONZE), bronze)
    assert choose_moment(settings, NOW + 3 * DAY + SKEW, NOW) == NOW + 3 * DAY + SKEW
    with pytest.raises(MomentError, match="the newest reading is from 2026-03-12T12:00:00Z"):
        choose_moment(settings, NOW + 5 * DAY, NOW)


@pytest.mark.parametrize("command", ["score", "features", "run", "monitor", "retrain"])
def test_a_moment_of_the_future_is_one_line(tmp_path: Path, command: str) -> None:
    done = CliRunner().invoke(app, [command, "--as-of", "2099-12-31", "--home", str(tmp_path)])
    printed = [line for line in done.stderr.splitlines() if not line.startswith("{")]  # log lines are JSON
    assert (done.exit_code, done.stdout, len(printed)) == (1, "", 1)
    assert printed[0].startswith("altaviz: 2099-12-31T00:00:00Z is in the future (now is ")
    assert printed[0].endswith("and there is no reading: choose an earlier moment, or none for now")
    assert not (tmp_path / "postgres").exists()
