"""Folders for tests that start the embedded database server.

As root the server runs as a user of its own, who must be able to pass through. Python and pytest make folders
for one user alone, and Altaviz never changes a folder that it has not made. So the tests open theirs.
"""

from __future__ import annotations

import stat
import tempfile
from pathlib import Path
from typing import Final

PASSABLE: Final = 0o711
PLACES: Final = (tempfile.gettempdir(), "/var/tmp", "/tmp")


class TemporaryDirectory(tempfile.TemporaryDirectory[str]):
    """tempfile's, which other users may pass through."""

    def __enter__(self) -> str:
        Path(self.name).chmod(PASSABLE)
        return super().__enter__()


def passable_folder(prefix: str = "altaviz-") -> Path:
    """A new folder that other users may pass through; whoever asks removes it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(PASSABLE)
    return folder


def passable_place() -> str | None:
    """The folder for temporary files, or another one of the system where others may not pass through that; None when there is none."""
    return next((place for place in PLACES if Path(place).is_dir() and _is_passable(Path(place))), None)


def _is_passable(folder: Path) -> bool:
    return all(part.stat().st_mode & stat.S_IXOTH for part in (folder.resolve(), *folder.resolve().parents))
