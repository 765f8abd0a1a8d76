"""The maintenance events of one version of the lake's table, with what completed work orders have reported since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl
from deltalake import DeltaTable

from features.reference_tables.renewals import Renewals, read_renewals
from features.reference_tables.taking_back import EVENT_HISTORY_SCHEMA, fit, in_force
from serving.schemas import MaintenanceEvent
from serving.work_orders.reported_events import with_waiting_events


@dataclass(frozen=True)
class KnownEvents:
    """All events, also withdrawn ones, and the renewals in force."""

    history: pl.DataFrame
    renewals: Renewals

    def renewals_with(self, waiting: list[MaintenanceEvent], at: datetime) -> Renewals:
        """The renewals, with the events that the lake has yet to take in."""
        return read_renewals(in_force(with_waiting_events(self.history, waiting, at))) if waiting else self.renewals


NO_EVENTS = KnownEvents(pl.DataFrame(schema=EVENT_HISTORY_SCHEMA), Renewals({}, {}))


def read_events(table: DeltaTable) -> KnownEvents:
    """The events of one version of the table. Older tables lack columns."""
    history = fit(pl.read_delta(table), EVENT_HISTORY_SCHEMA)
    return KnownEvents(history, read_renewals(in_force(history)))
