"""Variables from `.env` files: the project's and the home's. They hold passwords and say where data goes, so nobody else may write them.

The folder that a command is started in is not looked at: it may be somebody else's.
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
    """Those of the folder that holds pyproject.toml; none for code that was installed elsewhere. Raises ConfigError."""
    if not (PROJECT / "pyproject.toml").is_file():
        return {}
    return read_variables(PROJECT / NAME, trusted={PROJECT.stat().st_uid})  # who may write the code may write its settings


def home_variables(home: Path, *, named: bool) -> dict[str, str]:
    """Those of a home that was named, or that lies in the project; `./var` of any other folder is not asked. Raises ConfigError."""
    return read_variables(home / NAME) if named or home.is_relative_to(PROJECT) else {}


def read_variables(file: Path, trusted: set[int] | None = None) -> dict[str, str]:
    """The variables that `file` sets, none where there is no file.

    Raises ConfigError for a file that others may write or that belongs to anybody but this user, root and the users `trusted`.
    """
    try:
        with file.open(encoding="utf-8") as stream:
            found = os.fstat(stream.fileno())
            if found.st_uid not in {0, os.geteuid(), *(trusted or ())}:
                raise ConfigError(
                    f"{file} belongs to another user (number {found.st_uid}): remove it, or `chown {os.geteuid()} {_quoted(file)}`"
                )
            if found.st_mode & _FOREIGN_WRITE:
                raise ConfigError(
                    f"{file} can be written by others ({stat.filemode(found.st_mode)}): look at it, then `chmod 600 {_quoted(file)}`"
                )
            values: Mapping[str, str | None] = dotenv_values(stream=stream)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read ({getattr(error, 'strerror', None) or error}): mend it or remove it") from error
    return {name: value for name, value in values.items() if value is not None}


def _quoted(file: Path) -> str:
    return shlex.quote(str(file))
