from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake

from features.contract import LOADED_AT, SOURCE_FILE, SOURCE_SHA256
from features.lake import BRONZE, QUARANTINE, Lake
from features.quarantine import note_refusals, open_refusals, read_refusals

HOUR = timedelta(hours=1)
NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


def _loaded(lake: Lake, name: str, sha256: str, loaded_at: datetime) -> None:
    row = {SOURCE_FILE: [name], SOURCE_SHA256: [sha256], LOADED_AT: [loaded_at]}
    write_deltalake(lake.uri(BRONZE), pl.DataFrame(row), mode="append")


def test_a_lake_without_a_refusal_has_none(lake: Lake) -> None:
    note_refusals(lake, [], NOON)
    assert (read_refusals(lake), open_refusals(lake)) == ([], {})


def test_a_file_loaded_before_under_the_same_name_hides_no_refusal(lake: Lake) -> None:
    _loaded(lake, "export.csv", "one", NOON)
    note_refusals(lake, [("export.csv", "two", "wrong_type: line 7")], NOON + HOUR)
    assert open_refusals(lake)["export.csv"].reason == "wrong_type: line 7"


def test_a_later_file_of_the_name_mends_the_refusal_and_history_keeps_it(lake: Lake) -> None:
    note_refusals(lake, [("export.csv", "two", "wrong_type"), ("other.csv", "x", "unreadable")], NOON)
    _loaded(lake, "export.csv", "three", NOON + HOUR)
    assert list(open_refusals(lake)) == ["other.csv"]
    assert {item.file: item.mended_at for item in read_refusals(lake)} == {"export.csv": NOON + HOUR, "other.csv": None}


def test_the_refused_content_itself_mends_the_refusal_whatever_its_name(lake: Lake) -> None:
    note_refusals(lake, [("export.csv", "two", "wrong_type")], NOON)
    _loaded(lake, "renamed.csv", "two", NOON + HOUR)
    assert open_refusals(lake) == {}


def test_the_same_content_is_one_entry_with_the_newest_reason_and_comes_back_after_a_fix(lake: Lake) -> None:
    for hour in range(3):
        note_refusals(lake, [("export.csv", "two", f"reason {hour}")], NOON + hour * HOUR)
    _loaded(lake, "export.csv", "three", NOON + 3 * HOUR)
    assert open_refusals(lake) == {}
    note_refusals(lake, [("export.csv", "two", "reason 4")], NOON + 4 * HOUR)
    [refusal] = read_refusals(lake)
    assert (refusal.first_seen, refusal.last_seen, refusal.times, refusal.reason) == (NOON, NOON + 4 * HOUR, 4, "reason 4")
    assert refusal.mended_at is None


def test_a_table_of_an_earlier_version_is_read_and_continued(lake: Lake) -> None:
    old = pl.DataFrame({"file": ["a.csv"], "sha256": ["one"], "reason": ["wrong_type"], "seen_at": [NOON]})
    write_deltalake(lake.uri(QUARANTINE), old)
    note_refusals(lake, [("a.csv", "one", "wrong_type")], NOON + HOUR)
    [refusal] = read_refusals(lake)
    assert (refusal.first_seen, refusal.last_seen, refusal.times) == (NOON, NOON + HOUR, 2)
