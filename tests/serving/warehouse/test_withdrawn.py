"""Predictions made from readings that were taken back are marked, and no others."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from serving.warehouse.connection import Warehouse
from serving.warehouse.tables import upsert_predictions
from serving.warehouse.withdrawn import TakenReadings, mark_predictions
from tests.serving.warehouse.test_tables import OK, T

REACH = timedelta(hours=96)
TAKEN = TakenReadings("C-1", T, T + timedelta(hours=1), "gold", 3, 5, T + timedelta(days=9))


def test_only_predictions_within_reach_and_of_the_versions_that_held_the_file_are_marked(warehouse: Warehouse) -> None:
    def made(hours: float, version: int = 4, table: str = "gold", compressor_id: str = "C-1") -> Any:
        used = {"gold_table_id": table, "gold_version": version}
        return replace(OK, compressor_id=compressor_id, prediction_timestamp=T + timedelta(hours=hours), features_used=used)

    inside = [made(0, 3), made(97, 5)]
    outside = [made(-1), made(98), made(2, 2), made(3, 6), made(4, table="other"), made(5, compressor_id="C-2")]

    def marked() -> list[tuple[datetime, datetime]]:
        query = "SELECT prediction_timestamp, data_withdrawn_at FROM ml_predictions WHERE data_withdrawn_at IS NOT NULL ORDER BY 1"
        return connection.execute(query).fetchall()

    with warehouse.connection() as connection:
        upsert_predictions(connection, [*inside, *outside])
        assert mark_predictions(connection, [TAKEN], REACH).predictions == 2
        assert marked() == [(item.prediction_timestamp, TAKEN.withdrawn_at) for item in inside]
        assert mark_predictions(connection, [TAKEN], REACH).predictions == 2
        upsert_predictions(connection, [made(0, 6)])  # computed anew, without the file
        assert mark_predictions(connection, [TAKEN], REACH).predictions == 1
        assert mark_predictions(connection, [], REACH).predictions == 0
        assert marked() == []
