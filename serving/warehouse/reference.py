"""Reference data into the warehouse: what predictions, alerts and events refer to."""

from __future__ import annotations

from config.fleet import FleetConfig
from features.lake import COMPRESSORS, EVENTS, Lake
from features.reference import read_reference
from serving.schemas import Compressor, MaintenanceEvent, Station
from serving.warehouse import tables
from serving.warehouse.connection import Warehouse


def sync_reference(warehouse: Warehouse, lake: Lake, fleet: FleetConfig) -> None:
    """Stations, compressors and maintenance events as the lake has them."""
    with warehouse.connection() as connection:
        tables.upsert_stations(
            connection,
            (
                Station(station_id, station.basin, station.town, station.latitude, station.longitude, station.time_zone)
                for station_id, station in fleet.stations.items()
            ),
        )
        tables.upsert_compressors(connection, (Compressor(**row) for row in read_reference(lake, COMPRESSORS).iter_rows(named=True)))
        tables.upsert_events(connection, (MaintenanceEvent(**row) for row in read_reference(lake, EVENTS).iter_rows(named=True)))
