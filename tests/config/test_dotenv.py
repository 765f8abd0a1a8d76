"""`.env` counts only in the project and in a named home, and only if no other user can write it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import config.dotenv
from config.dotenv import read_variables
from config.errors import ConfigError
from config.settings import load_settings


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without a `.env`, and an environment that says nothing."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    monkeypatch.setattr(config.dotenv, "PROJECT", folder)
    for name in ("ALTAVIZ_HOME", "ALTAVIZ_LAKE_URI", "ALTAVIZ_INBOX", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return folder


def _write(file: Path, text: str, mode: int = 0o600) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)


def test_a_file_in_the_folder_that_a_command_starts_in_is_not_read(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = tmp_path / "download" / "below"
    for folder in (hostile.parent, hostile, hostile / "var"):
        _write(folder / ".env", "ALTAVIZ_HOME=/stolen\nMLFLOW_TRACKING_URI=http://evil.example\nALTAVIZ_LAKE_URI=s3://evil\n")
    monkeypatch.chdir(hostile)
    settings = load_settings()
    assert (settings.home, settings.lake_uri) == (hostile / "var", str(hostile / "var" / "lake"))
    assert settings.tracking_uri == f"sqlite:///{hostile}/var/mlflow.db"


def test_the_environment_wins_over_the_home_and_the_home_over_the_project(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _write(
        project / ".env",
        f"ALTAVIZ_HOME={tmp_path}/home\nALTAVIZ_LAKE_URI=s3://project\nALTAVIZ_INBOX=/project\nMLFLOW_TRACKING_URI=http://project",
    )
    _write(tmp_path / "home" / ".env", "ALTAVIZ_LAKE_URI=s3://home\nMLFLOW_TRACKING_URI=http://home")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://environment")
    settings = load_settings()
    assert (settings.home, settings.inbox, settings.lake_uri) == (tmp_path / "home", Path("/project"), "s3://home")
    assert settings.tracking_uri == "http://environment"


def test_a_file_that_others_may_write_is_refused(project: Path, tmp_path: Path) -> None:
    _write(project / ".env", "DB_HOST=db.plant.example", 0o646)
    with pytest.raises(ConfigError, match=rf"{project}/\.env can be written by others \(-rw-r--rw-\): check it, then run `chmod 600"):
        load_settings()
    _write(project / ".env", "DB_HOST=db.plant.example", 0o600)
    _write(tmp_path / "home" / ".env", "DB_PORT=1", 0o660)
    with pytest.raises(ConfigError, match=r"home/\.env can be written by others"):
        load_settings(tmp_path / "home")


def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path / ".env", "A=1")
    owner = os.geteuid() or 12345
    os.chown(tmp_path / ".env", owner, -1)  # root gives it away
    assert read_variables(tmp_path / ".env", trusted={owner}) == {"A": "1"}
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(ConfigError, match=rf"\.env belongs to another user \(number {owner}\): remove it"):
        read_variables(tmp_path / ".env")
