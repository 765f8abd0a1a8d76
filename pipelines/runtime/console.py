"""Shows the progress of a job: a bar per stage on a terminal, elsewhere one log line per finished stage."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from config.logs import get_log
from config.plain_text import plain_text
from pipelines.runtime.terminal import PlainConsole

if TYPE_CHECKING:
    from rich.console import Console

Advance = Callable[..., None]  # advance(done, total, **facts)
_PLAIN_WIDTH: Final = 120  # columns where there is no terminal to ask


def open_console() -> Console:
    """The console that shows a job's result; text from the data is escaped."""
    console = PlainConsole()
    return console if console.is_terminal else PlainConsole(width=_PLAIN_WIDTH)


class StageReporter:
    """Reports the stages of one command."""

    def __init__(self, *, interactive: bool) -> None:
        self._interactive = interactive
        self._bars: Progress | None = None

    def __enter__(self) -> StageReporter:
        if self._interactive:
            columns = (
                SpinnerColumn(),
                TextColumn("{task.description:<22}", markup=False),
                BarColumn(),
                TextColumn("{task.fields[facts]}", markup=False),
                TimeElapsedColumn(),
            )
            self._bars = Progress(*columns, console=PlainConsole(stderr=True))
            self._bars.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    @contextmanager
    def stage(self, name: str) -> Iterator[Advance]:
        """Time a stage. It yields advance(done, total, **facts), which moves the bar."""
        started = time.perf_counter()
        bars, task = self._bars, None
        if bars is not None:
            task = bars.add_task(name, total=None, facts="")
        last: dict[str, object] = {}

        def advance(done: float, total: float, **facts: object) -> None:
            last.update(facts)
            if bars is not None and task is not None:
                bars.update(task, completed=done, total=total, facts=plain_text(" ".join(f"{key}={value}" for key, value in facts.items())))

        yield advance
        seconds = round(time.perf_counter() - started, 2)
        if bars is not None and task is not None:
            bars.update(task, completed=1, total=1)
            bars.stop_task(task)
        get_log().info("stage finished", stage=name, seconds=seconds, **last)


def is_interactive() -> bool:
    """Whether stderr is a terminal."""
    return sys.stderr.isatty()
