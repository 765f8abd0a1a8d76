"""Whether the embedded database server can reach a folder. For root it runs as its own system user, who must pass through every parent.

Altaviz never changes the permissions of a folder it has not made. It names the closed folder, and a place that works.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from config.errors import HomeError

SERVER_USER: Final = "pgserver"  # PostgreSQL refuses to run as root, so root runs it as this user
_PLACES: Final = ("/var/lib/altaviz", "/srv/altaviz", "/opt/altaviz")
_PASSABLE: Final = 0o711  # everything for the owner; others pass through without seeing the content


@contextmanager
def new_home(home: Path) -> Iterator[None]:
    """Wraps the code that creates the home: root's new folders let the server's user pass, and show no content."""
    missing = [folder for folder in (home, *home.parents) if not folder.exists()]
    yield
    if os.geteuid() == 0:
        for folder in missing:
            folder.chmod(_PASSABLE)


def require_passage(home: Path) -> None:
    """Raise HomeError when root uses a home that the database server's user cannot reach. Nothing is created or changed."""
    if os.geteuid() != 0:
        return
    blocking = blocking_folder(home)
    if blocking is not None:
        place = find_place()
        cure = f"use another home, e.g. --home {place}" if place else "use a home below folders that every user may pass through"
        raise HomeError(
            f"home {home} cannot hold the database: as root its server runs as the user {SERVER_USER}, who may not pass through {blocking} "
            f"({stat.filemode(blocking.stat().st_mode)}): {cure}, or run altaviz as an ordinary user"
        )


def blocking_folder(path: Path) -> Path | None:
    """The first existing folder up to and with `path` that the server's user may not pass. None without one."""
    resolved = path.resolve()
    for folder in (*reversed(resolved.parents), resolved):
        try:
            found = folder.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.S_ISDIR(found.st_mode) and not may_use(found, os.X_OK):
            return folder
    return None


def may_use(found: os.stat_result, wanted: int) -> bool:
    """Whether the server's user has the permissions `wanted` (os.R_OK and so on) on a file with this stat.

    A user that does not exist yet counts as any other user.
    """
    try:
        user = pwd.getpwnam(SERVER_USER)
    except KeyError:
        user = None
    if user and found.st_uid == user.pw_uid:
        bits = found.st_mode >> 6
    elif user and found.st_gid == user.pw_gid:
        bits = found.st_mode >> 3
    else:
        bits = found.st_mode
    return bits & wanted == wanted


def find_place(suffix: str = "") -> Path | None:
    """A folder that root can make or has made, and that the server's user can reach. None without one."""
    for name in _PLACES:
        place = Path(name + suffix)
        nearest = next(folder for folder in (place, *place.parents) if folder.exists())
        if nearest.is_dir() and os.access(nearest, os.W_OK) and blocking_folder(place) is None:
            return place
    return None
