"""What lies in the folder of readings and is no file of it: links out, pipes, sockets."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import polars as pl
import pytest

from config.errors import HomeError, NoReadingsError
from features.intake import RefusedFile, SiteReader, list_reading_files, name_files
from tests.features.site.files import HEADER, ROW


@pytest.fixture
def readings(tmp_path: Path) -> Path:
    folder = tmp_path / "site" / "readings"
    folder.mkdir(parents=True)
    return folder


def _write(path: Path, vibration: float = 3.0) -> Path:
    path.write_text(f"{HEADER}\n{ROW.replace('3.0', f'{vibration}', 1)}\n")
    return path


def _reasons(readings: Path) -> dict[str, str]:
    """By name of a file why it is refused; ok where it is read."""
    reader = SiteReader(folder=readings.parent)
    found = {}
    for name, path in name_files(readings.parent, list_reading_files(readings.parent)):
        try:
            reader.digest(path, name)
            found[name] = f"ok {sum(batch.num_rows for batch in reader.read(path, name, 1000))}"
        except RefusedFile as refusal:
            found[name] = refusal.reason
    return found


def test_no_link_is_followed_out_of_the_folder(readings: Path, tmp_path: Path) -> None:
    outside = _write(tmp_path / "secret.csv")
    (tmp_path / "others").mkdir()
    _write(tmp_path / "others" / "theirs.csv")
    (readings / "a.csv").symlink_to(outside)
    (readings / "b").symlink_to(tmp_path / "others")
    _write(readings.parent / "kept.csv")
    (readings / "c.csv").symlink_to(readings.parent / "kept.csv")
    (readings / "gone.csv").symlink_to(readings / "nowhere.csv")
    (readings / "round").symlink_to(readings)
    reasons = _reasons(readings)
    assert reasons.pop("c.csv") == "ok 1"
    assert reasons.pop("gone.csv") == "unreadable: No such file or directory"
    assert reasons == {
        name: f"outside_folder: {name} is a link that leads out of {readings.parent}: put the file itself there" for name in ("a.csv", "b")
    }


def test_a_folder_of_readings_that_lies_elsewhere_is_named(readings: Path, tmp_path: Path) -> None:
    _write(readings / "a.csv")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "readings").symlink_to(readings)
    with pytest.raises(NoReadingsError, match="is a link that leads out of"):
        list_reading_files(tmp_path / "other")
    (tmp_path / "alias").symlink_to(readings.parent)
    assert len(list_reading_files(tmp_path / "alias")) == 1


def test_pipes_and_sockets_are_refused_and_never_waited_for(readings: Path) -> None:
    os.mkfifo(readings / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as server:
        at = Path.cwd()
        os.chdir(readings)  # the path of a socket may have 107 bytes
        try:
            server.bind("socket.csv")
        finally:
            os.chdir(at)
        assert _reasons(readings) == {
            "pipe.csv": "no_file: pipe.csv is a named pipe, not a file: remove it",
            "socket.csv": "no_file: socket.csv is a socket, not a file: remove it",
        }


def test_a_pipe_in_the_log_of_a_delta_table_is_never_waited_for(readings: Path) -> None:
    pl.DataFrame({"a": [1]}).write_delta(readings / "table")
    os.mkfifo(readings / "table" / "_delta_log" / "00000000000000000001.json")
    assert _reasons(readings) == {"table": "no_file: 00000000000000000001.json in the log of a Delta table is a link or no file: remove it"}


def test_names_that_are_no_text_or_number_are_listed(readings: Path) -> None:
    _write(readings / "1²2.csv")
    _write(Path(os.fsdecode(os.fsencode(readings) + b"/caf\xe9.csv")))
    assert _reasons(readings) == {"1²2.csv": "ok 1", "caf\\udce9.csv": "ok 1"}


def test_a_full_disk_is_no_fault_of_the_file(readings: Path) -> None:
    path = _write(readings / "a.csv")
    with pytest.raises(HomeError, match=r"a.csv cannot be copied there \(No space left on device\): make room"):
        SiteReader().digest(path, "a.csv", Path("/dev/full"))


def test_a_copy_that_cannot_be_opened_is_no_fault_of_the_file(readings: Path, tmp_path: Path) -> None:
    path = _write(readings / "a.csv")
    with pytest.raises(HomeError, match=r"copy.csv: a.csv cannot be copied there \(No such file or directory\): make room"):
        SiteReader().digest(path, "a.csv", tmp_path / "nowhere" / "copy.csv")
