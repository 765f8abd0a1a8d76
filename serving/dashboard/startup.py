"""What the process of the dashboard was started with. Every visitor shares it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from config.errors import ConfigError
from config.settings import Settings


@dataclass
class ApiPlace:
    """Where writes go. The service may come up after the pages, or end before them."""

    url: str | None = None
    problem: str | None = "the prediction service is starting"
    key: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Startup:
    """The home's settings, the moment that is shown (None: the view's own), the service, and what is closed at the end."""

    settings: Settings
    as_of: datetime | None = None
    api: ApiPlace = field(default_factory=ApiPlace)
    resources: ExitStack = field(default_factory=ExitStack, repr=False)

    @property
    def home(self) -> Path:
        """The folder of all data."""
        return self.settings.home


_started: list[Startup] = []


def start_with(startup: Startup) -> None:
    """Set what the pages of this process use."""
    _started[:] = [startup]


def started() -> Startup:
    """What the pages use. Raises ConfigError before `start_with`."""
    if not _started:
        raise ConfigError("the dashboard's pages have no home: start them with `altaviz dashboard`")
    return _started[0]
