"""A copy of PostgreSQL's programs for a server that cannot reach the project's folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from serving.warehouse import binaries
from serving.warehouse.binaries import binaries_dir, server_binaries, server_user

PARTS = ["package/install/bin", "package/install/lib", "package.libs"]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A small package, readable by its owner alone."""
    root = tmp_path / "site"
    for name in ("package/install/bin/postgres", "package/install/lib/plpgsql.so", "package/install/include/pg.h", "package.libs/libpq.so"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name, encoding="utf-8")
        (root / name).chmod(0o600)
    return root


def test_a_copy_is_whole_and_readable_by_all(site: Path, tmp_path: Path) -> None:
    copy = tmp_path / "place" / "18"
    binaries._copy(site, copy, PARTS)
    assert binaries._is_whole(copy, site, PARTS)
    modes = {str(path.relative_to(copy)): path.stat().st_mode & 0o777 for path in copy.rglob("*")}
    assert modes == {
        **dict.fromkeys(["package", "package/install", *PARTS], 0o755),
        **{"package/install/bin/postgres": 0o755, "package/install/lib/plpgsql.so": 0o644, "package.libs/libpq.so": 0o644},
    }
    assert [path.name for path in copy.parent.iterdir()] == ["18"]


def test_a_damaged_copy_is_made_again(site: Path, tmp_path: Path) -> None:
    copy = tmp_path / "place" / "18"
    binaries._copy(site, copy, PARTS)
    (copy / "package.libs" / "libpq.so").unlink()
    assert not binaries._is_whole(copy, site, PARTS)
    binaries._copy(site, copy, PARTS)
    assert binaries._is_whole(copy, site, PARTS)
    (copy / "package/install/bin/postgres").chmod(0o777)
    assert not binaries._is_whole(copy, site, PARTS)  # anybody may have changed it


def test_programs_that_the_server_cannot_reach_are_copied_and_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shut, own = tmp_path / "shut", binaries_dir()
    shut.mkdir(mode=0o700)
    for part in binaries._parts(own):
        shutil.copytree(own.parents[2] / part, shut / part)
    monkeypatch.setattr(binaries, "binaries_dir", lambda: shut / own.relative_to(own.parents[2]))
    monkeypatch.setattr(binaries, "find_place", lambda _: tmp_path / "place")
    user = server_user()
    found = server_binaries(user)
    if os.geteuid() == 0:
        assert found.is_relative_to(tmp_path / "place")
    for tool in ("postgres", "initdb"):
        version = subprocess.run([found / tool, "--version"], user=user, cwd="/", capture_output=True, text=True, check=True).stdout
        assert version.startswith(f"{tool} (PostgreSQL) 18")
    assert shut.stat().st_mode & 0o777 == 0o700
