"""Takes the events of completed work orders into the lake's events, which the warehouse follows. It needs no Spark."""

from __future__ import annotations

from config.settings import Settings
from features.lake import EVENTS, Lake
from features.reference_tables.tables import read_reference_history, write_events
from features.reference_tables.taking_back import EVENT_KEY
from pipelines.runtime.lake_lock import writing_lake
from serving.schemas import present_moment
from serving.warehouse.connection import Warehouse
from serving.work_orders.reported_events import mark_loaded, reported_events, waiting_events, with_waiting_events


def take_in_order_events(settings: Settings, warehouse: Warehouse) -> int:
    """Write to the lake what completed and reopened orders reported since, and return the number of events. It can be repeated.

    A lake that was restored from an older copy gets back what it lacks. The rows are marked in the transaction that read them, after the lake
    has them. A killed run is simply run again.
    """
    lake, moment = Lake(settings.lake_uri), present_moment()
    with writing_lake(settings), warehouse.connection() as connection:
        waiting = waiting_events(connection, locked=True)
        history = read_reference_history(lake, EVENTS)
        known = set(history.select(EVENT_KEY).iter_rows())
        lost = [row for row in reported_events(connection) if (row.compressor_id, row.event_date, row.event_type) not in known]
        taken = {(row.compressor_id, row.event_date, row.event_type): row for row in (*lost, *waiting)}
        if not taken:
            return 0
        write_events(lake, with_waiting_events(history, list(taken.values()), moment))
        return mark_loaded(connection, taken.values(), moment)
