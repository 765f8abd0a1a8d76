"""The labelled history that a model learns from: gold and maintenance events of one or more lakes, as they were known at a moment."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from config.settings import Settings
from features.lake import COMPRESSORS, EVENTS, GOLD, Lake
from features.reference import read_reference
from pipelines.console import StageReporter

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from training.fleet import Fleet


@dataclass(frozen=True)
class Source:
    """One lake, at the version of gold that is there now."""

    lake: Lake
    gold: DeltaTable

    @property
    def version(self) -> int:
        """Delta version of gold."""
        return int(self.gold.version())


@dataclass(frozen=True)
class Past:
    """All of the sources up to `until` (to their end when None); a compressor that is in several is one machine."""

    sources: list[Source]
    until: datetime | None = None

    def events(self) -> pl.DataFrame:
        """Maintenance events known by then."""
        events = pl.concat([read_reference(source.lake, EVENTS) for source in self.sources]).unique(maintain_order=True)
        return events if self.until is None else events.filter(pl.col("event_date") <= self.until)

    def models(self) -> dict[str, str]:
        """The compressor model by compressor."""
        known = [read_reference(source.lake, COMPRESSORS).select("compressor_id", "model") for source in self.sources]
        return {name: model or "unknown" for table in known for name, model in table.iter_rows()}

    def fingerprint(self, *others: str) -> str:
        """The same for the same rows and events, and `others`: what else decides what becomes of them."""
        parts = [f"{source.gold.metadata().id}@{source.version}" for source in self.sources]
        ends = [min(filter(None, (self.until, source.lake.newest_reading())), default=None) for source in self.sources]
        events = self.events().sort(pl.all()).write_csv()
        return hashlib.sha256("\n".join([*parts, *map(str, ends), events, *others]).encode()).hexdigest()


def open_past(uris: Sequence[str], until: datetime | None = None) -> Past:
    """Those of the lakes at `uris` that have gold, each once. Raises NoDataError when none has."""
    lakes = [Lake(uri) for uri in dict.fromkeys(uris)]
    there = [lake for lake in lakes if lake.exists(GOLD)] or lakes[:1]
    return Past([Source(lake, lake.delta(GOLD)) for lake in there], until)


def labelled_fleet(settings: Settings, past: Past, report: StageReporter) -> Fleet:
    """All labelled windows of `past`, over a memory map in the home (features.grid.map_history); `load_tensorflow` comes first.

    Raises NoDataError when gold has no rows, ModelError when no window is left.
    """
    from features.grid import map_history
    from training.fleet import label_fleet

    with report.stage("windows") as advance:
        history = map_history([source.gold for source in past.sources], settings.home, past.until)
        fleet = label_fleet(history, past.events(), settings.model.labels, settings.scoring.min_steps)
        advance(1, 1, windows=len(fleet.index))
    return fleet
