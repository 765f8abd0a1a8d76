"""Root's database server is another user. It must reach its files, and no other folder is opened for it."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from config.errors import HomeError
from config.settings import load_settings
from pipelines.runtime.home_access import demo_home
from serving.home.passage import blocking_folder, new_home, require_passage
from serving.warehouse.embedded import embedded_server
from tests.pipelines.console_script import refusal_of
from tests.serving.warehouse.conftest import database_config

ROOT = os.geteuid() == 0


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A folder for its owner alone, as /root and other homes are."""
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    return folder


def test_the_first_folder_that_is_shut_is_named(private: Path) -> None:
    assert blocking_folder(private / "home") == private
    private.chmod(0o711)
    assert blocking_folder(private / "home") is None
    (private / "link").symlink_to(private / "home")
    (private / "home").mkdir(mode=0o700)
    assert blocking_folder(private / "link") == private / "home"


def test_a_new_home_lets_the_server_pass_and_shows_nothing(tmp_path: Path) -> None:
    with new_home(tmp_path / "a" / "home"):
        (tmp_path / "a" / "home").mkdir(parents=True)
    if ROOT:
        assert [_mode(tmp_path / "a"), _mode(tmp_path / "a" / "home")] == [0o711, 0o711]
    assert blocking_folder(tmp_path / "a" / "home") is None


def test_no_folder_that_was_there_is_opened(private: Path) -> None:
    home = private / "home"
    home.mkdir(mode=0o750)
    with new_home(home):
        pass
    if ROOT:
        with pytest.raises(HomeError, match=rf"home {home} cannot hold the database: .* may not pass through {private} \(drwx------\)"):
            embedded_server(home, database_config().embedded).__enter__()
        with pytest.raises(HomeError):
            require_passage(home)
    else:
        require_passage(home)
    assert (_mode(private), _mode(home), list(home.iterdir())) == (0o700, 0o750, [])


@pytest.mark.parametrize("command", ["demo", "serve"])
def test_a_command_reports_it_before_any_work(private: Path, command: str) -> None:
    if not ROOT:
        return
    started = time.monotonic()
    refusal = refusal_of(command, home=private / "home")
    assert refusal == (
        f"home {private}/home cannot hold the database: as root its server runs as the user pgserver, who may not pass through {private} "
        "(drwx------): use another home, e.g. --home /var/lib/altaviz, or run altaviz as an ordinary user"
    )
    assert list(private.iterdir()) == []
    assert _mode(private) == 0o700
    assert time.monotonic() - started < 60


def test_the_demo_alone_goes_elsewhere_where_nobody_named_a_home(private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(private)
    by_default, named = load_settings(environ={}), load_settings(private / "home", environ={})
    assert by_default.home == private / "var"
    chosen = demo_home(by_default)
    assert (blocking_folder(chosen) is None and chosen != by_default.home) if ROOT else chosen == by_default.home
    assert demo_home(named) == named.home
    assert demo_home(load_settings(environ={"DB_HOST": "db.plant.example", "DB_PASSWORD": "long enough"})) == by_default.home
