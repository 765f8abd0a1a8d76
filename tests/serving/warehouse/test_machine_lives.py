from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from serving.warehouse.connection import Warehouse
from serving.warehouse.machine_lives import FIRST, MachineLife, read_lives, replace_lives
from tests.serving.warehouse.test_tables import T

UNSEEN = MachineLife("C-1", FIRST, T - timedelta(days=9), T - timedelta(days=5), {"vibration_mms": [2.6000000000000001, 0.1]})
REPAIRED = MachineLife("C-1", T, T + timedelta(hours=5), None, {})
OTHER = MachineLife("C-2", FIRST, None, None, {})


def test_lives_are_read_as_they_were_written_and_replaced_by_compressor(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        replace_lives(connection, ["C-1", "C-2"], [REPAIRED, UNSEEN, OTHER])
        assert read_lives(connection) == {"C-1": [UNSEEN, REPAIRED], "C-2": [OTHER]}
        learned = replace(UNSEEN, levels={"vibration_mms": [2.5, 0.2]})
        replace_lives(connection, ["C-1"], [learned])
        assert read_lives(connection) == {"C-1": [learned], "C-2": [OTHER]}
        replace_lives(connection, ["C-1", "C-2"], [])
        assert read_lives(connection) == {}
