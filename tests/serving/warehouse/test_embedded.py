from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.synchronize import Barrier
from pathlib import Path

import psutil
import psycopg
import pytest

from config.errors import WarehouseError
from serving.warehouse.connection import open_warehouse
from serving.warehouse.embedded import DATABASE, ROLE, EmbeddedServer, embedded_server
from tests.serving.warehouse.conftest import database_config

CONFIG = database_config().embedded


def _answer(server: EmbeddedServer) -> int:
    with psycopg.connect(host=str(server.socket_dir), user=ROLE, dbname=DATABASE) as connection:
        return int(connection.execute("SELECT current_setting('server_version_num')::int / 10000").fetchone()[0])


def _server_process(server: EmbeddedServer) -> psutil.Process:
    return psutil.Process(int((server.data_dir / "postmaster.pid").read_text().splitlines()[0]))


def test_home_holds_a_real_postgresql_18_that_stops_with_its_user(short_home: Path) -> None:
    with embedded_server(short_home, CONFIG) as server:
        assert _answer(server) == 18
        assert server.data_dir == short_home / "postgres"
        process = _server_process(server)
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    assert not (server.data_dir / "postmaster.pid").exists()


def test_server_runs_on_while_one_of_two_users_remains(short_home: Path) -> None:
    with embedded_server(short_home, CONFIG) as first:
        with embedded_server(short_home, CONFIG) as second:
            assert _server_process(first).pid == _server_process(second).pid
        assert _answer(first) == 18


def test_home_with_a_long_and_odd_path_gets_its_socket_elsewhere(short_home: Path) -> None:
    home = short_home / ("a" * 120) / "plant's own home"
    with embedded_server(home, CONFIG) as server:
        assert _answer(server) == 18
        assert server.socket_dir != server.data_dir
        assert server.socket_dir.stat().st_mode & 0o077 == 0
    assert not server.socket_dir.exists()


def test_server_killed_with_9_starts_again_with_its_data(short_home: Path) -> None:
    database = database_config()
    with open_warehouse(database, short_home) as warehouse:
        with warehouse.connection() as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        os.kill(int((short_home / "postgres" / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)
    with open_warehouse(database, short_home) as warehouse, warehouse.connection() as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_pid_file_with_the_number_of_another_process_does_not_pass_for_a_server(short_home: Path) -> None:
    with embedded_server(short_home, CONFIG) as server:
        lines = (server.data_dir / "postmaster.pid").read_text().splitlines()
    (server.data_dir / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with embedded_server(short_home, CONFIG) as server:
        assert _answer(server) == 18


def _use_and_be_killed(home: Path) -> None:
    with embedded_server(home, CONFIG) as server:
        _answer(server)
        os.kill(os.getpid(), signal.SIGKILL)


def test_user_killed_with_9_does_not_keep_the_server_alive(short_home: Path) -> None:
    killed = multiprocessing.get_context("spawn").Process(target=_use_and_be_killed, args=(short_home,))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    with embedded_server(short_home, CONFIG) as server:
        assert _answer(server) == 18
    assert not (server.data_dir / "postmaster.pid").exists()


def _start_together(home: Path, barrier: Barrier) -> None:
    barrier.wait()
    with embedded_server(home, CONFIG) as server:
        assert _answer(server) == 18


def test_processes_that_start_at_once_in_a_new_home_share_one_server(short_home: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    processes = [context.Process(target=_start_together, args=(short_home, barrier)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]


def test_home_that_is_a_file_is_refused_by_name(short_home: Path) -> None:
    (short_home / "home").touch()
    with pytest.raises(WarehouseError, match=r"home cannot be written .*choose another --home or set DB_HOST"):
        embedded_server(short_home / "home", CONFIG).__enter__()


def test_damaged_database_files_are_reported_with_the_servers_reason(short_home: Path) -> None:
    with embedded_server(short_home, CONFIG) as server:
        pass
    (server.data_dir / "global" / "pg_control").unlink()
    with pytest.raises(WarehouseError, match=r"does not start in .*pg_control.*correct that, or set DB_HOST") as refused:
        embedded_server(short_home, CONFIG).__enter__()
    assert "\n" not in str(refused.value)
