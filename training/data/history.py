"""The history that a model is trained on: gold and maintenance events of one or more lakes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from features.lake import COMPRESSORS, EVENTS, GOLD, Lake
from features.reference_tables.tables import read_reference

if TYPE_CHECKING:
    from deltalake import DeltaTable


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
class TrainingHistory:
    """All sources up to `until`, or to their end. A compressor in several sources is one machine."""

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
        """Equal for equal rows, events and `others`: whatever else decides the result of a training."""
        parts = [f"{source.gold.metadata().id}@{source.version}" for source in self.sources]
        ends = [min(filter(None, (self.until, source.lake.newest_reading())), default=None) for source in self.sources]
        events = self.events().sort(pl.all()).write_csv()
        return hashlib.sha256("\n".join([*parts, *map(str, ends), events, *others]).encode()).hexdigest()


def open_history(uris: Sequence[str], until: datetime | None = None) -> TrainingHistory:
    """The lakes at `uris` that have gold, each once. Raises NoDataError when none has."""
    lakes = [Lake(uri) for uri in dict.fromkeys(uris)]
    there = [lake for lake in lakes if lake.exists(GOLD)] or lakes[:1]
    return TrainingHistory([Source(lake, lake.delta(GOLD)) for lake in there], until)
