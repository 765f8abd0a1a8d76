"""Whose files they are, and the command that mends it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from serving.home.ownership import explain_access, explain_database_files, find_exposed, find_refusal, require_access, user_name

ME = user_name(os.geteuid())


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "postgres"
    (folder / "global").mkdir(parents=True)
    (folder / "PG_VERSION").write_text("18\n", encoding="utf-8")
    folder.chmod(0o700)
    return folder


def test_database_files_of_another_user_are_reported_with_the_command(data_dir: Path) -> None:
    message = explain_database_files(data_dir, "nobody", every=False)
    sudo = "" if ME == "root" else "sudo "
    assert message == (
        f"{data_dir} belongs to {ME}, the database server runs as nobody: `{sudo}chown -R nobody {data_dir} && {sudo}chmod 700 {data_dir}`"
    )


def test_lost_permissions_are_reported_with_the_command(data_dir: Path) -> None:
    assert explain_database_files(data_dir, None, every=True) is None
    data_dir.chmod(0o755)
    message = explain_database_files(data_dir, None, every=False)
    assert message is not None
    assert "has the permissions drwxr-xr-x, the database server needs drwx------" in message
    assert f"chmod 700 {data_dir}`" in message


def test_a_home_of_this_user_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "lake" / "gold").mkdir(parents=True)
    require_access(tmp_path)
    assert find_refusal(tmp_path) is None
    assert explain_access(tmp_path / "not-there") is None


def test_a_file_that_others_can_read_is_found_with_the_command_that_shuts_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "lake").mkdir(parents=True)
    (home / "lake" / "part").touch(0o600)
    home.chmod(0o711)
    (home / "lake").chmod(0o711)
    assert find_exposed(home) is None
    (home / "lake" / "part").chmod(0o604)
    passable = f" && chmod 711 {home}" if ME == "root" else ""
    assert find_exposed(home) == (home / "lake" / "part", f"`chmod -R go= {home}{passable}`")
    (home / "lake").chmod(0o700)
    assert find_exposed(home) is None  # nobody gets there
    (home / "lake").chmod(0o750)
    assert (find_exposed(home) or [None])[0] == home / "lake"
    home.chmod(0o700)
    assert find_exposed(home) is None
