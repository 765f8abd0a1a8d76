"""Variables from `.env` files: those of the project and of the home.

They hold passwords and places of data, so no other user may write them. The folder that a command starts in
is never read: it may belong to somebody else.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from config.errors import ConfigError

PROJECT: Final = Path(__file__).parents[1]
NAME: Final = ".env"
_FOREIGN_WRITE: Final = 0o022


def project_variables() -> dict[str, str]:
    """Variables from the folder that holds pyproject.toml. Raises ConfigError.

    Code that was installed elsewhere has none.
    """
    if not (PROJECT / "pyproject.toml").is_file():
        return {}
    return read_variables(PROJECT / NAME, trusted={PROJECT.stat().st_uid})  # who may write the code may write its settings


def home_variables(home: Path, *, named: bool) -> dict[str, str]:
    """Variables of a home that was named, or that lies in the project. Raises ConfigError.

    The `./var` of any other folder is not read.
    """
    return read_variables(home / NAME) if named or home.is_relative_to(PROJECT) else {}


def read_variables(file: Path, trusted: set[int] | None = None) -> dict[str, str]:
    """The variables that `file` sets; none if it does not exist.

    Raises ConfigError for a file that others may write. The owner must be this user, root or one of the users
    `trusted`.
    """
    try:
        with file.open(encoding="utf-8") as stream:
            found = os.fstat(stream.fileno())
            if found.st_uid not in {0, os.geteuid(), *(trusted or ())}:
                raise ConfigError(
                    f"{file} belongs to another user (number {found.st_uid}): remove it, or run `chown {os.geteuid()} {_quoted(file)}`"
                )
            if found.st_mode & _FOREIGN_WRITE:
                raise ConfigError(
                    f"{file} can be written by others ({stat.filemode(found.st_mode)}): check it, then run `chmod 600 {_quoted(file)}`"
                )
            values: Mapping[str, str | None] = dotenv_values(stream=stream)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read ({getattr(error, 'strerror', None) or error}): correct it or remove it") from error
    return {name: value for name, value in values.items() if value is not None}


def _quoted(file: Path) -> str:
    return shlex.quote(str(file))
