"""A small home that scores, moved, copied, saved while it is written, and restored."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from config.errors import HomeError, InputError, ModelError, WarehouseError
from config.settings import load_settings
from features.lake import GOLD, Lake
from pipelines.backup.archive import extract_archive, read_manifest, verify_archive, write_archive
from pipelines.backup.backup import back_up
from pipelines.backup.restore import open_empty_home, restore
from pipelines.operations.reproduce import reproduce
from pipelines.operations.score import score
from pipelines.runtime.console import StageReporter
from pipelines.runtime.doctor import _tracking
from pipelines.runtime.home_access import RESTORING, open_home
from serving.registry.client import Registry
from serving.schemas import parse_moment
from serving.warehouse.binaries import server_user
from serving.warehouse.connection import open_warehouse
from tests.folders import TemporaryDirectory
from tests.pipelines.console_script import eventually, refusal_of, report_of
from tests.serving.api.home import AS_OF, build_home, make_champion

MOMENT = parse_moment(AS_OF)
REPORT = StageReporter(interactive=False)
# Commits gold with the lake's lock held, then notes its version in the database, as a cycle does.
_WRITER = """
import sys
from pathlib import Path
from config.settings import load_settings
from deltalake import write_deltalake
import polars as pl
from features.lake import GOLD, Lake
from pipelines.runtime.lake_lock import writing_lake
from serving.warehouse.lake_sync import record_sync
from serving.warehouse.migrations import migrated_warehouse
settings = load_settings(Path(sys.argv[1]))
lake = Lake(settings.lake_uri)
rows = pl.read_delta(lake.uri(GOLD)).head(1)
with migrated_warehouse(settings.database, settings.home) as warehouse:
    while True:
        with writing_lake(settings):
            write_deltalake(lake.uri(GOLD), rows, mode="append")
        gold = lake.delta(GOLD)
        with warehouse.connection() as connection:
            record_sync(connection, str(gold.metadata().id), GOLD, gold.version())
        print(gold.version(), flush=True)
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    # not tmp_path: the embedded server's own user must be able to pass through, and pytest shuts its folders
    with TemporaryDirectory(prefix="altaviz-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def home(folder: Path) -> Path:
    """A home with gold, a champion and the predictions of one moment."""
    made = folder / "home"
    build_home(made)
    make_champion(made)
    (made / "inbox").mkdir()
    (made / "inbox" / "waiting.csv").write_text("a\n", encoding="utf-8")
    (made / ".env").write_text("ALTAVIZ_API_KEY=vNq3T0fWJm8yZsQ1xRk7Lc5HdU2pGb9E\n", encoding="utf-8")  # nobody's
    (made / "reading").mkdir(exist_ok=True)
    (made / "reading" / "being-read.json").write_text("{}", encoding="utf-8")
    score(load_settings(made, environ={}), MOMENT, REPORT)
    return made


@pytest.fixture(scope="module")
def saved(home: Path) -> Path:
    """A backup of the home by the command."""
    file = home.with_name("saved.tar.zst")
    reported = report_of("backup", file, home=home)
    assert (reported["file"], reported["home"], reported["rows"]["ml_predictions"]) == (str(file), str(home), 4)
    assert reported["lake_versions"][GOLD] == 0
    assert reported["lock_held_s"] < 10
    assert file.stat().st_mode & 0o777 == 0o600  # it holds everything
    return file


def copied(home: Path, name: str) -> Path:
    """As `cp -a` does."""
    target = home.with_name(name)
    subprocess.run(["cp", "-a", str(home), str(target)], check=True)
    return target


def test_a_copy_scores_with_its_own_file_and_doctor_says_where_it_came_from(home: Path) -> None:
    copy = copied(home, "copy")
    first = Path(shutil.move(home.with_name("copy"), home.with_name("moved")))
    assert not copy.exists()
    settings = load_settings(first, environ={})
    assert [row["rul_days"] for row in score(settings, MOMENT, REPORT)["predictions"]][:3] == [5.0, 10.0, 20.0]
    assert f"its file opens (SHA-256 {Registry(settings.tracking_uri).champion().digest}...); its paths named {home} until" in _tracking(
        settings
    )
    (model,) = first.glob("mlartifacts/models/*/artifacts/model.onnx")
    good = model.read_bytes()
    model.write_bytes(good[:-1])
    with pytest.raises(ModelError, match=rf"{model} is not the file that was registered"):
        _tracking(settings)
    model.unlink()
    with pytest.raises(ModelError, match=rf"{model} is missing: .*`cp -a {home}/mlartifacts/. {first}/mlartifacts/`"):
        score(settings, MOMENT, REPORT)
    subprocess.run(["cp", "-a", f"{home}/mlartifacts/.", f"{first}/mlartifacts/"], check=True)
    assert Registry(settings.tracking_uri).champion().onnx == good


def test_database_files_of_the_wrong_owner_or_mode_are_told_by_status(home: Path) -> None:
    copy = copied(home, "foreign")
    user = server_user()
    if user is not None:  # as `cp -r` by root leaves them
        subprocess.run(["chown", "-R", "root", str(copy / "postgres")], check=True)
        cure = f"`chown -R {user} {copy}/postgres && chmod 700 {copy}/postgres`"
        assert refusal_of("status", home=copy).endswith(f"belongs to root, the database server runs as {user}: {cure}")
        subprocess.run(["chown", "-R", user, str(copy / "postgres")], check=True)
    (copy / "postgres").chmod(0o755)
    with pytest.raises(WarehouseError, match="has the permissions drwxr-xr-x"):
        reproduce(load_settings(copy, environ={}), None, MOMENT, None, REPORT)
    (copy / "postgres").chmod(0o700)
    assert reproduce(load_settings(copy, environ={}), None, MOMENT, None, REPORT)["equal"]


def test_a_home_copied_while_its_server_runs_is_refused_and_one_that_was_moved_goes_on(home: Path) -> None:
    first = copied(home, "running")
    settings = load_settings(first, environ={})
    with open_warehouse(settings.database, first):
        torn = copied(first, "torn")
        with (
            pytest.raises(WarehouseError, match=rf"was copied while the server in {first}/postgres was running"),
            open_warehouse(settings.database, torn),
        ):
            pass
        moved = Path(shutil.move(first, home.with_name("running-moved")))
        with open_warehouse(settings.database, moved) as warehouse, warehouse.connection() as connection:
            assert connection.execute("SELECT count(*) FROM ml_predictions").fetchone() == (4,)
    (moved / "postgres" / "PG_VERSION").unlink()
    with (
        pytest.raises(WarehouseError, match="holds no database, because the home was not copied whole"),
        open_warehouse(settings.database, moved),
    ):
        pass


def test_a_restored_home_scores_and_reproduces_what_was_saved(home: Path, saved: Path) -> None:
    target = home.with_name("restored")
    reported = report_of("restore", saved, home=target)
    assert (reported["from_home"], reported["champion"], reported["rows"]["ml_predictions"]) == (str(home), "1", 4)
    settings = load_settings(target, environ={})
    found = reproduce(settings, None, MOMENT, None, REPORT)
    assert (found["equal"], len(found["rows"])) == (True, 4)
    score(settings, MOMENT, REPORT)
    with open_warehouse(settings.database, target) as warehouse, warehouse.connection() as connection:
        assert connection.execute("SELECT count(*) FROM ml_predictions").fetchone() == (4,)  # written over, not twice
    assert (target / "inbox" / "waiting.csv").read_text(encoding="utf-8") == "a\n"
    # or the restored home would use the servers of the one that was saved, and blame a file that was being read meanwhile
    assert (home / ".env").exists()
    assert not (target / ".env").exists()
    assert not (target / "reading").exists()
    assert not (target / RESTORING).exists()
    assert f"{target}/mlartifacts" in Registry(settings.tracking_uri)._client.get_experiment_by_name("altaviz-rul").artifact_location
    with pytest.raises(HomeError, match=r"is not empty \(it has .*\): restore into a new folder"):
        open_empty_home(target)


def test_a_backup_while_another_process_writes_holds_a_lake_that_is_not_behind_its_database(home: Path, tmp_path: Path) -> None:
    busy = copied(home, "busy")
    settings = load_settings(busy, environ={})
    rows, version = Lake(settings.lake_uri).row_count(GOLD), Lake(settings.lake_uri).version(GOLD)
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(busy)], stdout=subprocess.PIPE, text=True) as writer:
        try:
            assert writer.stdout is not None
            first = int(writer.stdout.readline())
            reported = back_up(settings, tmp_path / "busy.tar.gz", REPORT)
            eventually(lambda: _later(settings.lake_uri, reported["lake_versions"][GOLD]), 60)
        finally:
            writer.kill()
    target = home.with_name("from-busy")
    quiet = load_settings(target, environ={})
    open_empty_home(target)
    restore(quiet, tmp_path / "busy.tar.gz", REPORT)
    lake = Lake(quiet.lake_uri)
    with open_warehouse(quiet.database, target) as warehouse, warehouse.connection() as connection:
        (synced,) = connection.execute("SELECT version FROM lake_sync WHERE table_name = 'gold'").fetchone() or (None,)
    assert first <= synced <= lake.version(GOLD) == reported["lake_versions"][GOLD]
    assert lake.row_count(GOLD) == rows + lake.version(GOLD) - version
    assert reproduce(quiet, None, MOMENT, None, REPORT)["equal"]


def _later(uri: str, version: int) -> None:
    assert Lake(uri).version(GOLD) > version  # the cycle goes on after the backup


def test_a_backup_inside_its_home_is_refused(home: Path) -> None:
    with pytest.raises(InputError, match="lies in the home that it would save"):
        back_up(load_settings(home, environ={}), home / "saved.tar.zst", REPORT)


def test_a_damaged_backup_writes_nothing(saved: Path, tmp_path: Path) -> None:
    target = tmp_path / "home"
    open_empty_home(target)
    content = saved.read_bytes()
    for name, changed in {"cut": content[: len(content) // 2], "none": b"something else", "empty": b""}.items():
        (tmp_path / name).write_bytes(changed)
        with pytest.raises(InputError, match=r"is not a complete backup \(.*\): use another one"):
            restore(load_settings(target, environ={}), tmp_path / name, REPORT)
    assert list(target.iterdir()) == []
    with pytest.raises(InputError, match="there is no file"):
        read_manifest(tmp_path / "missing")


def test_a_member_with_another_checksum_or_outside_the_home_is_refused(saved: Path, tmp_path: Path) -> None:
    unpacked = tmp_path / "unpacked"
    assert len(list(extract_archive(saved, unpacked))) == len(read_manifest(saved).members)
    manifest = read_manifest(saved)
    (unpacked / "home" / "inbox" / "waiting.csv").write_text("b\n", encoding="utf-8")
    write_archive(tmp_path / "changed.tar.zst", unpacked, manifest)
    with pytest.raises(InputError, match=r"inbox/waiting\.csv does not have the SHA-256 in the manifest"):
        verify_archive(tmp_path / "changed.tar.zst")
    outside = replace(manifest, members={"home/../../outside": {"sha256": "", "bytes": 1}})
    with tarfile.open(tmp_path / "outside.tar.gz", "w:gz") as archive:
        for name, content in (("manifest.json", json.dumps(asdict(outside)).encode()), ("home/../../outside", b"x")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    with pytest.raises(InputError, match="is not in its manifest"):
        list(extract_archive(tmp_path / "outside.tar.gz", tmp_path / "a" / "b"))
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize(
    ("change", "reported"),
    [
        ({"schema": "9999"}, r"has the schema 9999, newer than this program's \d{4}: update altaviz"),
        ({"format": 99}, "has format 99, this program reads up to 1: update altaviz"),
        ({"mlflow_revision": "ffff"}, "a tracking store of a newer MLflow"),
    ],
)
def test_a_backup_of_a_newer_program_is_refused_in_one_line(saved: Path, tmp_path: Path, change: dict[str, object], reported: str) -> None:
    newer = replace(read_manifest(saved), members={}, **change)  # type: ignore[arg-type]
    write_archive(tmp_path / "newer.tar.zst", tmp_path, newer)
    with pytest.raises(InputError, match=reported):
        restore(load_settings(tmp_path / "home", environ={}), tmp_path / "newer.tar.zst", REPORT)


def test_a_restore_that_was_killed_is_told_and_done_again(saved: Path, home: Path) -> None:
    target = home.with_name("killed")
    open_empty_home(target)
    (target / RESTORING).touch()
    (target / "lake").mkdir()
    with pytest.raises(HomeError, match="was interrupted: run the same `altaviz restore` again"):
        open_home(target)
    open_empty_home(target)
    assert restore(load_settings(target, environ={}), saved, REPORT)["champion"] == "1"
    open_home(target)
