"""A copy of PostgreSQL's programs for a server that may not pass through the project's folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from serving.warehouse import binaries
from serving.warehouse.binaries import binaries_dir, server_binaries, server_user


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A small package, readable by its owner alone."""
    root = tmp_path / "package"
    for name in ("bin/postgres", "lib/libpq.so", "share/postgresql/sample", "include/pg.h"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name, encoding="utf-8")
        (root / name).chmod(0o600)
    return root


def test_a_copy_is_whole_and_readable_by_all(package: Path, tmp_path: Path) -> None:
    copy = tmp_path / "place" / "18"
    binaries._copy(package, copy)
    assert binaries._is_whole(copy, package)
    modes = {str(path.relative_to(copy)): path.stat().st_mode & 0o777 for path in sorted(copy.rglob("*"))}
    assert modes == {
        **dict.fromkeys(("bin", "lib", "share", "share/postgresql"), 493),
        **{"bin/postgres": 0o755, "lib/libpq.so": 0o644, "share/postgresql/sample": 0o644},
    }
    assert [path.name for path in copy.parent.iterdir()] == ["18"]


def test_a_damaged_copy_is_made_again(package: Path, tmp_path: Path) -> None:
    copy = tmp_path / "place" / "18"
    binaries._copy(package, copy)
    (copy / "lib" / "libpq.so").unlink()
    assert not binaries._is_whole(copy, package)
    binaries._copy(package, copy)
    assert binaries._is_whole(copy, package)
    (copy / "bin" / "postgres").chmod(0o777)
    assert not binaries._is_whole(copy, package)  # anybody may have changed it


def test_programs_that_the_server_cannot_reach_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o700)
    shutil.copytree(binaries_dir().parent, shut / "pginstall", ignore=shutil.ignore_patterns("include"))
    monkeypatch.setattr(binaries, "binaries_dir", lambda: shut / "pginstall" / "bin")
    monkeypatch.setattr(binaries, "find_place", lambda _: tmp_path / "place")
    user = server_user()
    found = server_binaries(user)
    if os.geteuid() == 0:
        assert found.is_relative_to(tmp_path / "place")
    said = subprocess.run([found / "postgres", "--version"], user=user, cwd="/", capture_output=True, text=True, check=True).stdout
    assert said.startswith("postgres (PostgreSQL) 18")
    assert shut.stat().st_mode & 0o777 == 0o700
