"""The reference tables: which compressors exist, and their maintenance events.

They are small Delta tables, kept without a JVM.
"""

from __future__ import annotations

import polars as pl
from deltalake import write_deltalake

from features.contract import COMPRESSOR_ID
from features.lake import COMPRESSORS, EVENTS, Lake
from features.reference_tables.taking_back import COMPRESSOR_KEY as COMPRESSOR_KEY
from features.reference_tables.taking_back import COMPRESSOR_SCHEMA as COMPRESSOR_SCHEMA
from features.reference_tables.taking_back import EVENT_HISTORY_SCHEMA, RETIREMENT, fit, in_force
from features.reference_tables.taking_back import EVENT_KEY as EVENT_KEY
from features.reference_tables.taking_back import EVENT_SCHEMA as EVENT_SCHEMA


def merge_reference(lake: Lake, table: str, rows: pl.DataFrame, key: list[str]) -> None:
    """Insert or update `rows` by `key`, in force. Unchanged rows cause no commit."""
    present = read_reference_history(lake, table)
    rows = fit(rows, present.schema)
    _write(lake, table, pl.concat([present.join(rows, on=key, how="anti"), rows]), key)


def read_reference(lake: Lake, table: str) -> pl.DataFrame:
    """`maintenance_events` in force, or every known compressor.

    Retired compressors are included, so their readings are not unknown. The frame is empty when nothing was
    loaded yet. `read_fleet` returns the compressors in service.
    """
    history = read_reference_history(lake, table)
    if table == COMPRESSORS:
        return history.select(list(COMPRESSOR_SCHEMA))
    return in_force(history).select(list(EVENT_SCHEMA))


def read_fleet(lake: Lake) -> pl.DataFrame:
    """The compressors in service, as COMPRESSOR_SCHEMA: what is scored, ranked and watched."""
    return in_force(read_reference_history(lake, COMPRESSORS)).select(list(COMPRESSOR_SCHEMA))


def read_retired(lake: Lake) -> list[str]:
    """Ids of the retired compressors."""
    history = read_reference_history(lake, COMPRESSORS)
    return history.filter(pl.col("retired_at").is_not_null())[COMPRESSOR_ID].sort().to_list()


def read_reference_history(lake: Lake, table: str) -> pl.DataFrame:
    """All rows of a reference table, also withdrawn ones, with RETIREMENT, or with WITHDRAWAL and ORDER.

    Older tables have nulls there.
    """
    schema = COMPRESSOR_SCHEMA | RETIREMENT if table == COMPRESSORS else EVENT_HISTORY_SCHEMA
    if not lake.exists(table):
        return pl.DataFrame(schema=schema)
    return fit(pl.read_delta(lake.uri(table)), schema)


def write_compressors(lake: Lake, rows: pl.DataFrame) -> None:
    """Write the compressors table, as `merge_compressors` returns it. No change, no commit."""
    _write(lake, COMPRESSORS, rows, COMPRESSOR_KEY)


def write_events(lake: Lake, rows: pl.DataFrame) -> None:
    """Write the events table, as `merge_events` returns it. No change, no commit."""
    _write(lake, EVENTS, rows, EVENT_KEY)


def _write(lake: Lake, table: str, rows: pl.DataFrame, key: list[str]) -> None:
    rows = rows.sort(key)
    if not lake.exists(table):
        write_deltalake(lake.uri(table), rows)
    elif not rows.equals(read_reference_history(lake, table).sort(key)):
        write_deltalake(lake.uri(table), rows, mode="overwrite", schema_mode="overwrite")
