"""Notes on disk which file is being read. A file that killed its runs is recognised by its note.

A run reads one file at a time, so a note names one file. The note is made before decoding and removed
afterwards, also after Ctrl-C, SIGTERM and SIGHUP. Only a killed run leaves one.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from config.errors import HomeError
from features.site.notes import RefusedFile

_POLITE: Final = (signal.SIGTERM, signal.SIGHUP)  # SIGHUP comes when a terminal or a connection by ssh is gone


@dataclass(frozen=True)
class ReadingNotes:
    """Notes in `folder`, one for each content whose reading began and did not end.

    The caller holds the lake's lock.
    """

    folder: Path
    most_runs: int  # killed runs after which a content is not read again

    def refuse_killer(self, digest: str) -> None:
        """Raise RefusedFile for a content whose reading was killed `most_runs` times."""
        runs = self._runs(digest)
        if runs >= self.most_runs:
            raise RefusedFile(
                f"killed_runs: {runs} runs were killed while they read it: correct the file; "
                f"if something else killed them, remove {self._note(digest)}"
            )

    @contextmanager
    def reading(self, digest: str, name: str) -> Iterator[None]:
        """Keep a note of the content while the block runs; it is on disk before the block begins.

        Raises HomeError if it cannot be written.
        """
        note = self._note(digest)
        with _interrupted_when_asked():
            try:
                self._write(note, {"file": name, "runs": self._runs(digest) + 1})
                yield
            finally:
                with suppress(OSError):  # as where there was no place for the note
                    note.unlink()

    def _note(self, digest: str) -> Path:
        return self.folder / f"{digest}.json"

    def _runs(self, digest: str) -> int:
        try:
            return int(json.loads(self._note(digest).read_text())["runs"])
        except FileNotFoundError:
            return 0
        except (ValueError, KeyError, TypeError):  # half a note: the machine went down while it was written
            return 1

    def _write(self, note: Path, facts: dict[str, object]) -> None:
        """Write to disk at once, so that the note survives a power failure. Half a note counts as one run."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with note.open("w") as stream:
                json.dump(facts, stream)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise HomeError(f"{note}: cannot be written ({error.strerror}): make room on the disk of the home") from error


@contextmanager
def _interrupted_when_asked() -> Iterator[None]:
    """Turn the first SIGTERM or SIGHUP into KeyboardInterrupt.

    A polite stop must not count against the file. A signal that is ignored, as below `nohup`, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: handler for number in _POLITE if (handler := signal.getsignal(number)) not in (signal.SIG_IGN, None)}

    def stop(number: int, frame: FrameType | None) -> None:
        for other in before:
            signal.signal(other, signal.SIG_IGN)  # a shell that goes sends SIGHUP twice: the note is taken away undisturbed
        raise KeyboardInterrupt

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
