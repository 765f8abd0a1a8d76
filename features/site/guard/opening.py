"""Opens files safely: never waits for a pipe, and follows no link out of the folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

from features.site.notes import RefusedFile

_KINDS: Final = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),
)


def require_regular(path: Path) -> None:
    """Raise RefusedFile for anything but a plain file, OSError for a missing one. Opens nothing."""
    _refuse_kind(path.stat().st_mode, path.name)


def is_inside(path: Path, folder: Path) -> bool:
    """Whether `path`, with every link followed, lies in `folder`."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def require_inside(path: Path, folder: Path) -> None:
    """Raise RefusedFile for a link that leads out of `folder`."""
    if not is_inside(path, folder):
        raise RefusedFile(f"outside_folder: {path.name} is a link that leads out of {folder}: put the file itself there")


def open_inside(path: Path, folder: Path | None) -> BinaryIO:
    """A plain file of `folder` (None: of any folder), open for reading. Raises RefusedFile, OSError.

    The path is opened step by step from the folder. So a link placed there meanwhile is not followed.
    """
    if folder is None:
        require_regular(path)
        return _as_stream(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), path.name)
    require_inside(path, folder)
    require_regular(path)
    root, real = Path(os.path.realpath(folder)), Path(os.path.realpath(path))
    *folders, name = real.relative_to(root).parts
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    at = os.open(root, flags | os.O_DIRECTORY)
    try:
        for part in folders:
            below = os.open(part, flags | os.O_DIRECTORY, dir_fd=at)
            os.close(at)
            at = below
        return _as_stream(os.open(name, flags, dir_fd=at), path.name)
    finally:
        os.close(at)


def _as_stream(descriptor: int, name: str) -> BinaryIO:
    try:
        _refuse_kind(os.fstat(descriptor).st_mode, name)
    except RefusedFile:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def _refuse_kind(mode: int, name: str) -> None:
    for is_kind, kind in _KINDS:
        if is_kind(mode):
            raise RefusedFile(f"no_file: {name} is {kind}, not a file: remove it")
