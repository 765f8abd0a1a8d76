"""Files that this process or the database server may not use: their owner, and the command that corrects it."""

from __future__ import annotations

import os
import pwd
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from config.errors import HomeError

_ALWAYS_THERE: Final = ("PG_VERSION", "base", "global", "global/pg_control", "log", "pg_wal", "postgresql.conf")
_FOREIGN_PASS: Final = 0o011
_FOREIGN_ACCESS: Final = 0o066
_FOREIGN_BITS: Final = 0o027  # PostgreSQL refuses a data directory that its group may write or others may enter


def user_name(uid: int) -> str:
    """Name of a system user, or its number when it has none here."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def explain_access(path: Path, whole: Path | None = None) -> str | None:
    """Why this process cannot read and write `path`, with the command that gives it `whole` (`path` when None).

    None when it can.
    """
    try:
        found = path.stat()
    except PermissionError:
        return explain_access(path.parent, whole or path.parent) if path != path.parent else None
    except OSError:
        return None
    wanted = os.R_OK | os.W_OK | (os.X_OK if stat.S_ISDIR(found.st_mode) else 0)
    if os.access(path, wanted):
        return None
    me, target = user_name(os.geteuid()), shlex.quote(str(whole or path))
    if found.st_uid != os.geteuid():
        return f"{path} belongs to {user_name(found.st_uid)}, this command runs as {me}: `sudo chown -R {me} {target}`"
    return f"{path} may not be read and written by its owner {me} ({stat.filemode(found.st_mode)}): `chmod -R u+rwX {target}`"


def require_access(home: Path) -> None:
    """Raise HomeError when this process cannot use the home, up to two folders deep.

    The database files have a user of their own and are left out.
    """
    for path in () if os.geteuid() == 0 else _within(home, 2):
        obstacle = explain_access(path, home)
        if obstacle:
            raise HomeError(f"home {home} cannot be used: {obstacle}")


def find_refusal(home: Path) -> str | None:
    """The message of `explain_access` for the first unusable file of the home, at any depth. None without one."""
    return next((obstacle for path in _within(home, None) if (obstacle := explain_access(path, home))), None)


def find_exposed(home: Path) -> tuple[Path, str] | None:
    """The first file or folder of the home open to other users, with the command that closes it. None without one.

    Names directly in the home do not count: root's home must let the database server's user pass.
    """
    resolved = home.resolve()
    if not all(folder.stat().st_mode & _FOREIGN_PASS for folder in (resolved, *resolved.parents)):
        return None
    found = next(_exposed(resolved), None)
    if found is None:
        return None
    passable = f" && chmod 711 {shlex.quote(str(home))}" if os.geteuid() == 0 else ""
    return found, f"`chmod -R go= {shlex.quote(str(home))}{passable}`"


def _exposed(folder: Path) -> Iterator[Path]:
    if not os.access(folder, os.R_OK | os.X_OK):
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                continue
            try:
                mode = entry.stat(follow_symlinks=False).st_mode
            except FileNotFoundError:  # a running command has removed it
                continue
            if mode & _FOREIGN_ACCESS and not stat.S_ISSOCK(mode):
                yield Path(entry.path)
            elif stat.S_ISDIR(mode) and mode & _FOREIGN_PASS:
                yield from _exposed(Path(entry.path))


def _within(folder: Path, depth: int | None) -> Iterator[Path]:
    yield folder
    if depth == 0 or not os.access(folder, os.R_OK | os.X_OK):
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink() or entry.name.startswith("postgres"):
                continue
            if entry.is_dir():
                yield from _within(Path(entry.path), None if depth is None else depth - 1)
            else:
                yield Path(entry.path)


def explain_database_files(data_dir: Path, server_user: str | None, *, every: bool) -> str | None:
    """Why the server cannot use its files, with the command that corrects it. None when owner and permissions are right.

    The server runs as `server_user`, None for this process's user. With `every`, all files are checked, not only the permanent ones.
    """
    try:
        uid = pwd.getpwnam(server_user).pw_uid if server_user else os.geteuid()
        found = data_dir.stat()
    except (KeyError, OSError):
        return None
    name, sudo = user_name(uid), "" if os.geteuid() == 0 else "sudo "
    target = shlex.quote(str(data_dir))
    for path in (data_dir, *_below(data_dir, every=every)):
        try:
            owner = path.lstat().st_uid
        except OSError:  # a file of the running server that has gone meanwhile
            continue
        if owner != uid:
            what = f"{path} belongs to {user_name(owner)}, the database server runs as {name}"
            return f"{what}: `{sudo}chown -R {name} {target} && {sudo}chmod 700 {target}`"
    if found.st_mode & _FOREIGN_BITS or found.st_mode & stat.S_IRWXU != stat.S_IRWXU:
        mode = stat.filemode(found.st_mode)
        return f"{data_dir} has the permissions {mode}, the database server needs drwx------: `{sudo}chmod 700 {target}`"
    return None


def _below(data_dir: Path, *, every: bool) -> Iterator[Path]:
    if not os.access(data_dir, os.R_OK | os.X_OK):
        return
    if every:
        for folder, folders, files in os.walk(data_dir):
            yield from (Path(folder) / name for name in (*folders, *files))
        return
    yield from (path for name in _ALWAYS_THERE if (path := data_dir / name).exists())
