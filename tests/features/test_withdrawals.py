"""Reading files taken back by name or by the start of their SHA-256."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from deltalake import CommitProperties, write_deltalake

from config.errors import InputError
from features.lake import BRONZE, GOLD, Lake
from features.withdrawals import GoldVersions, find_file, read_withdrawals, read_withdrawn, undo_withdrawal, withdraw_file

NOW = datetime(2026, 3, 10, tzinfo=UTC)
FIRST, SECOND, OTHER = "aaaa1111" * 8, "aaaa2222" * 8, "bbbb3333" * 8


@pytest.fixture
def loaded(lake: Lake) -> Lake:
    """Three files in bronze, two of one name; gold was made from the first, then from all."""
    files = [("export.csv", FIRST, "C-1"), ("export.csv", SECOND, "C-1"), ("day/b.csv", OTHER, "C-2")]
    rows = [
        {
            "compressor_id": unit,
            "timestamp": None if hour == 2 else NOW + timedelta(hours=hour),
            "_source_file": name,
            "_source_sha256": sha,
            "_file_seq": seq,
            "_loaded_at": NOW,
        }
        for seq, (name, sha, unit) in enumerate(files)
        for hour in range(3)
    ]
    write_deltalake(lake.uri(BRONZE), pl.DataFrame(rows))
    for seq in (0, 2):
        made_from = {"file_seq": seq, "as_of": NOW.isoformat(), "fingerprint": "", "rebuilt": None}
        properties = CommitProperties(custom_metadata={"userMetadata": json.dumps(made_from)})
        write_deltalake(lake.uri(GOLD), pl.DataFrame({"x": [seq]}), mode="append", commit_properties=properties)
    return lake


@pytest.mark.parametrize(("query", "sha"), [("day/b.csv", OTHER), ("aaaa2", SECOND), ("AAAA1111", FIRST), (OTHER, OTHER)])
def test_a_file_is_found_by_its_name_or_the_start_of_its_sha(loaded: Lake, query: str, sha: str) -> None:
    file = find_file(loaded, query)
    assert (file.sha256, file.rows, file.loaded_at) == (sha, 3, NOW)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            "export.csv",
            r"'export.csv' fits 2 files: aaaa1111aaaa \(export.csv, 3 rows, loaded 2026-03-10 00:00 UTC\), aaaa2222aaaa .*start of one SHA-256",
        ),
        ("aaaa", "fits 2 files"),
        ("aaa", "no loaded file has the name 'aaa'"),
        ("b.csv", "no loaded file has the name"),
    ],
)
def test_none_or_several_files_are_refused(loaded: Lake, query: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_file(loaded, query)


def test_nothing_is_withdrawn_before_anything_was_loaded(lake: Lake) -> None:
    assert (read_withdrawals(lake), read_withdrawn(lake)) == ([], frozenset())
    with pytest.raises(InputError, match="no readings under"):
        find_file(lake, "export.csv")


def test_a_withdrawal_says_who_and_why_and_what_was_made_from_the_file(loaded: Lake) -> None:
    made = withdraw_file(loaded, find_file(loaded, "aaaa2222"), "ana", "wrong machine", NOW)
    assert (made.file, made.withdrawn_by, made.reason, made.undone_at) == ("export.csv", "ana", "wrong machine", None)
    assert made.spans == {"C-1": (NOW, NOW + timedelta(hours=1))}
    table_id = str(loaded.delta(GOLD).metadata().id)
    assert made.gold == GoldVersions(table_id, 1, 1)
    assert read_withdrawals(loaded) == [made]
    assert withdraw_file(loaded, find_file(loaded, "aaaa1111"), "ana", None, NOW).gold == GoldVersions(table_id, 0, 1)
    assert read_withdrawn(loaded) == {FIRST, SECOND}


def test_a_withdrawal_can_be_undone_and_made_again(loaded: Lake) -> None:
    file = find_file(loaded, "day/b.csv")
    with pytest.raises(InputError, match="is not withdrawn: there is nothing to undo"):
        undo_withdrawal(loaded, file, NOW)
    withdraw_file(loaded, file, "ana", None, NOW)
    with pytest.raises(InputError, match="is withdrawn already; `altaviz withdraw bbbb3333bbbb --undo` restores it"):
        withdraw_file(loaded, file, "ana", None, NOW)
    assert undo_withdrawal(loaded, file, NOW + timedelta(hours=1)).undone_at == NOW + timedelta(hours=1)
    assert read_withdrawn(loaded) == frozenset()
    withdraw_file(loaded, file, "ben", None, NOW + timedelta(hours=2))
    assert [(item.withdrawn_by, item.undone_at is None) for item in read_withdrawals(loaded)] == [("ana", False), ("ben", True)]
    assert read_withdrawn(loaded) == {OTHER}


def test_a_file_that_never_came_into_gold_has_nothing_made_from_it(loaded: Lake) -> None:
    late = pl.read_delta(loaded.uri(BRONZE)).head(1).with_columns(_source_sha256=pl.lit("cccc"), _file_seq=pl.lit(3, pl.Int64))
    write_deltalake(loaded.uri(BRONZE), late, mode="append")
    assert withdraw_file(loaded, find_file(loaded, "cccc"), "ana", None, NOW).gold is None
