"""Which file is being read, noted on disk: a file that killed the runs that read it is known by its note.

A run reads one file at a time, so that a note names one file. It is made before the file is decoded and taken away afterwards,
also after Ctrl-C and SIGTERM; so only a run that was killed outright leaves one.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from features.site.notes import RefusedFile


@dataclass(frozen=True)
class ReadingNotes:
    """Notes in `folder`, one for each content that is being read or that was when a run was killed. The caller holds the lake's lock."""

    folder: Path
    most_runs: int  # killed runs after which a content is not read again

    def refuse_killer(self, digest: str) -> None:
        """Raise RefusedFile for a content that was being read when `most_runs` runs were killed."""
        runs = self._runs(digest)
        if runs >= self.most_runs:
            raise RefusedFile(
                f"killed_runs: {runs} runs were killed while they read it: mend the file; "
                f"if something else killed them, remove {self._note(digest)}"
            )

    @contextmanager
    def reading(self, digest: str, name: str) -> Iterator[None]:
        """Note the content for as long as the block runs; on disk before it begins."""
        note = self._note(digest)
        self._write(note, {"file": name, "runs": self._runs(digest) + 1})
        try:
            with _interrupted_by_sigterm():
                yield
        finally:
            note.unlink(missing_ok=True)

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
        """On disk at once: a machine that goes down with the run keeps it. Half a note counts as one run."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with note.open("w") as stream:
            json.dump(facts, stream)
            stream.flush()
            os.fsync(stream.fileno())


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Turn SIGTERM into KeyboardInterrupt: whoever stops a run politely does not blame the file."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
