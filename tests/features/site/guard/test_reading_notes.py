"""A file that kills the run that reads it is refused by the third run; others are not."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.errors import HomeError
from features.bronze import READING_NOTES, BronzeLoad, load_files
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


@pytest.fixture(autouse=True)
def _terminal() -> Iterator[None]:
    """As in a terminal, also where the tests run below `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def notes(tmp_path: Path) -> ReadingNotes:
    return ReadingNotes(tmp_path / "reading", 2)


def _die_while_reading(notes: ReadingNotes, digest: str) -> None:
    """Leave the note that a killed run leaves."""
    with notes.reading(digest, "a.csv"):
        kept = (notes.folder / f"{digest}.json").read_bytes()
    (notes.folder / f"{digest}.json").write_bytes(kept)


def _send(*numbers: int) -> None:
    """Send this process signals, the later ones while the first is still dealt with. One that would end it fails the test."""
    assert signal.SIG_DFL not in [signal.getsignal(number) for number in numbers]
    with ExitStack() as stack:
        for number in reversed(numbers):
            stack.callback(signal.raise_signal, number)


def test_a_file_that_killed_two_runs_is_not_read_a_third_time(tmp_path: Path, rules: Rules) -> None:
    killer = [("killer.csv", tmp_path / "killer.csv")]
    killer[0][1].write_text("compressor_id\n")
    lake, staging = Lake(str(tmp_path / "lake")), tmp_path / "staging"
    digest = SiteReader().digest(killer[0][1], "killer.csv")
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", _DYING_RUN, str(tmp_path / READING_NOTES), digest], capture_output=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr
    report = load_files(lambda: pytest.fail("nothing to write"), BronzeLoad(lake, staging, rules.etl.ingest, NOW), killer)
    assert report.refused["killer.csv"].startswith(
        "killed_runs: 2 runs were killed while they read it: correct the file; if something else"
    )
    assert [refusal.file for refusal in read_refusals(lake)] == ["killer.csv"]
    assert f"remove {tmp_path / READING_NOTES / digest}.json" in report.refused["killer.csv"]
    killer[0][1].write_text("compressor_id,mended\n")
    report = load_files(lambda: pytest.fail("nothing to write"), BronzeLoad(lake, staging, rules.etl.ingest, NOW), killer)
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
    polite = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in polite]
    for number in polite:
        with pytest.raises(KeyboardInterrupt), notes.reading("aa", "a.csv"):
            _send(number)
    assert list(notes.folder.iterdir()) == []
    assert [signal.getsignal(number) for number in polite] == before


def test_a_closed_terminal_that_says_so_twice_leaves_no_note(notes: ReadingNotes) -> None:
    with pytest.raises(KeyboardInterrupt), notes.reading("aa", "a.csv"):
        _send(signal.SIGHUP, signal.SIGHUP, signal.SIGTERM)
    assert list(notes.folder.iterdir()) == []


def test_a_run_below_nohup_goes_on(notes: ReadingNotes) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with notes.reading("aa", "a.csv"):
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@contextmanager
def _no_room_on_any_disk() -> Iterator[None]:
    """Files may be made, but no byte goes into them, as over a quota."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_note_that_cannot_be_written_is_no_killed_run(notes: ReadingNotes) -> None:
    for _ in range(2):
        with (
            pytest.raises(HomeError, match=r"aa.json: cannot be written \(File too large\): make room on the disk of the home"),
            _no_room_on_any_disk(),
            notes.reading("aa", "a.csv"),
        ):
            pytest.fail("read without a note")
    assert list(notes.folder.iterdir()) == []
    notes.refuse_killer("aa")


def test_a_folder_of_notes_that_cannot_be_made_is_told(notes: ReadingNotes) -> None:
    notes.folder.symlink_to("nowhere")
    with pytest.raises(HomeError, match=r"aa.json: cannot be written \(File exists\)"), notes.reading("aa", "a.csv"):
        pytest.fail("read without a note")


def test_half_a_note_counts_as_one_killed_run(notes: ReadingNotes) -> None:
    notes.folder.mkdir()
    (notes.folder / "aa.json").write_text("{")
    notes.refuse_killer("aa")
    _die_while_reading(notes, "aa")
    with pytest.raises(RefusedFile):
        notes.refuse_killer("aa")
