"""A file that kills the run that reads it is refused by the third run; others are not."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.bronze import READING_NOTES, load_files
from features.build import Rules
from features.intake import RefusedFile, SiteReader
from features.lake import Lake
from features.quarantine import read_refusals
from features.site.guard.reading_notes import ReadingNotes

NOW = datetime(2026, 3, 3, tzinfo=UTC)

# A run that is killed while it reads a file.
_DYING_RUN = """
import os, signal, sys
from pathlib import Path
from features.site.guard.reading_notes import ReadingNotes

with ReadingNotes(Path(sys.argv[1]), 2).reading(sys.argv[2], "killer.csv"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def notes(tmp_path: Path) -> ReadingNotes:
    return ReadingNotes(tmp_path / "reading", 2)


def _die_while_reading(notes: ReadingNotes, digest: str) -> None:
    """Leave the note that a killed run leaves."""
    with notes.reading(digest, "a.csv"):
        kept = (notes.folder / f"{digest}.json").read_bytes()
    (notes.folder / f"{digest}.json").write_bytes(kept)


def test_a_file_that_killed_two_runs_is_not_read_a_third_time(tmp_path: Path, rules: Rules) -> None:
    killer = [("killer.csv", tmp_path / "killer.csv")]
    killer[0][1].write_text("compressor_id\n")
    lake, staging = Lake(str(tmp_path / "lake")), tmp_path / "staging"
    digest = SiteReader().digest(killer[0][1], "killer.csv")
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", _DYING_RUN, str(tmp_path / READING_NOTES), digest], capture_output=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr
    report = load_files(lambda: pytest.fail("nothing to write"), lake, killer, staging, rules.etl.ingest, NOW)
    assert report.refused["killer.csv"].startswith("killed_runs: 2 runs were killed while they read it: mend the file; if something else")
    assert [refusal.file for refusal in read_refusals(lake)] == ["killer.csv"]
    assert f"remove {tmp_path / READING_NOTES / digest}.json" in report.refused["killer.csv"]
    killer[0][1].write_text("compressor_id,mended\n")
    report = load_files(lambda: pytest.fail("nothing to write"), lake, killer, staging, rules.etl.ingest, NOW)
    assert report.refused["killer.csv"].startswith("missing_column: ")


def test_one_killed_run_is_no_verdict_and_a_whole_reading_clears_the_note(notes: ReadingNotes) -> None:
    _die_while_reading(notes, "aa")
    notes.refuse_killer("aa")
    with notes.reading("aa", "a.csv"):
        pass
    _die_while_reading(notes, "aa")
    notes.refuse_killer("aa")
    _die_while_reading(notes, "aa")
    with pytest.raises(RefusedFile, match="killed_runs: 2 runs"):
        notes.refuse_killer("aa")
    notes.refuse_killer("bb")


def test_a_refusal_an_interrupt_and_a_polite_stop_leave_no_note(notes: ReadingNotes) -> None:
    with pytest.raises(RefusedFile), notes.reading("aa", "a.csv"):
        raise RefusedFile("unreadable: it")
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), notes.reading("aa", "a.csv"):
        signal.raise_signal(signal.SIGTERM)
    assert list(notes.folder.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) == before


def test_half_a_note_counts_as_one_killed_run(notes: ReadingNotes) -> None:
    notes.folder.mkdir()
    (notes.folder / "aa.json").write_text("{")
    notes.refuse_killer("aa")
    _die_while_reading(notes, "aa")
    with pytest.raises(RefusedFile):
        notes.refuse_killer("aa")
