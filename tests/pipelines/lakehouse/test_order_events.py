"""A completed work order from the database to the lake and back: real lake, registry and PostgreSQL, no Spark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.errors import ConflictError, InputError
from config.settings import Settings, load_settings
from config.site.description import load_site
from features.lake import EVENTS, Lake
from features.reference_tables.loading import ReferenceRules, load_reference
from features.reference_tables.renewals import read_renewals
from features.reference_tables.tables import read_reference, read_reference_history
from features.reference_tables.work_order_events import SAME_REPAIR
from pipelines.lakehouse.order_events import take_in_order_events
from pipelines.lakehouse.warehouse_sync import sync_reference
from pipelines.operations.score import score
from pipelines.operations.work_orders import export, listed, reopen
from pipelines.runtime.console import StageReporter
from serving.alerts.life_cycle import Act
from serving.warehouse.connection import Warehouse
from serving.warehouse.migrations import migrated_warehouse
from serving.warehouse.tables import latest_predictions
from serving.work_orders.completion import Completion, complete_order, reopen_order
from serving.work_orders.draft import DraftRequest, draft_order
from tests.folders import TemporaryDirectory
from tests.serving.api.home import NOW, build_home, forget_events, make_champion

ANN = Act("Ann", NOW)
START = NOW - timedelta(hours=8)
DONE = Completion("scheduled", START, 2.0, 12_000.0)
HEADER = "compressor_id,event_date,event_type,description,downtime_hours,severity,cost_usd\n"
OTHER = "C-1,2026-02-01 08:00:00,inspection,service,4,,1200\n"  # so the file covers C-1
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Home:
    settings: Settings
    warehouse: Warehouse
    folder: Path

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.lake_uri)

    def score(self) -> dict[str, Any]:
        """The entry of C-1 in a score at NOW."""
        with StageReporter(interactive=False) as report:
            rows = score(self.settings, NOW, report)["predictions"]
        return next(row for row in rows if row["compressor_id"] == "C-1")

    def complete(self) -> str:
        """The id of an order of C-1 that was drafted and completed."""
        with self.warehouse.connection() as connection:
            order = draft_order(connection, DraftRequest("C-1"), ANN, self.settings.costs, self.settings.work_orders)
            return complete_order(connection, order.work_order_id, DONE, ANN).work_order_id

    def take_in(self) -> int:
        taken = take_in_order_events(self.settings, self.warehouse)
        sync_reference(self.warehouse, self.lake, self.settings.fleet)
        return taken

    def ingest(self, events: str) -> None:
        """As `ingest` and `features` do with an events file."""
        (self.folder / "maintenance_events.csv").write_text(HEADER + events, encoding="utf-8")
        rules = ReferenceRules(self.settings.fleet, self.settings.etl.ingest, load_site(self.folder, None).reference)
        load_reference(self.lake, self.folder, rules, NOW)
        sync_reference(self.warehouse, self.lake, self.settings.fleet)

    def events(self) -> list[tuple[Any, ...]]:
        """The events of C-1 in March in the warehouse: date, order, and who withdrew it."""
        with self.warehouse.connection() as connection:
            return connection.execute(
                "SELECT event_date, work_order_id, withdrawn_by FROM maintenance_events "
                "WHERE compressor_id = 'C-1' AND event_date >= %s ORDER BY 1",
                [MARCH],
            ).fetchall()

    def in_lake(self) -> list[datetime]:
        """The events of C-1 in March that count in the lake."""
        events = read_reference(self.lake, EVENTS)
        return [moment for name, moment in events.select("compressor_id", "event_date").iter_rows() if name == "C-1" and moment >= MARCH]

    def latest(self) -> tuple[Any, ...]:
        with self.warehouse.connection() as connection:
            row = next(item for item in latest_predictions(connection) if item.compressor_id == "C-1")
        return row.status, row.rul_days, row.act_by


@pytest.fixture(scope="module")
def built() -> Iterator[Home]:
    with TemporaryDirectory(prefix="altaviz-") as folder:
        home = Path(folder)
        build_home(home)
        make_champion(home)
        (home / "site").mkdir()
        settings = load_settings(home, environ={})
        with migrated_warehouse(settings.database, home) as warehouse:
            yield Home(settings, warehouse, home / "site")


@pytest.fixture
def home(built: Home) -> Home:
    """Without events and orders, scored at NOW, where it stands."""
    with built.warehouse.connection() as connection:
        connection.execute("TRUNCATE work_orders CASCADE")
        connection.execute("UPDATE view_rules SET replay_as_of = %s", [NOW])
    forget_events(built.settings.home)
    built.score()
    return built


def test_scoring_knows_a_repair_before_the_lake_does(home: Home) -> None:
    assert home.latest()[:2] == ("ok", 5.0)
    home.complete()
    assert home.latest() == ("insufficient_history", None, None)
    row = home.score()
    assert (row["status"], row["rul_days"], row["act_by"]) == ("ok", 5.0, None)
    assert row["reasons"][-1].startswith("no repair date yet: the readings of the last 24 h begin before the restart")
    assert home.latest() == ("ok", 5.0, None)
    assert home.in_lake() == []


def test_the_lake_takes_an_event_in_once_and_the_warehouse_keeps_it(home: Home) -> None:
    work_order_id = home.complete()
    assert [home.take_in(), home.take_in()] == [1, 0]
    assert home.in_lake() == [START]
    assert home.events() == [(START, work_order_id, None)]
    with home.warehouse.connection() as connection:
        ((loaded,),) = connection.execute("SELECT event_loaded_at IS NOT NULL FROM work_orders").fetchall()
    assert loaded


def test_a_file_without_the_repair_takes_nothing_back(home: Home) -> None:
    work_order_id = home.complete()
    home.ingest(OTHER)  # before the lake has it
    assert home.events() == [(START, work_order_id, None)]
    home.take_in()
    home.ingest(OTHER)
    assert home.events() == [(START, work_order_id, None)]
    assert home.in_lake() == [START]


def test_the_same_repair_in_a_file_is_one_renewal(home: Home) -> None:
    work_order_id = home.complete()
    home.take_in()
    home.ingest(f"{OTHER}C-1,2026-03-09 00:00:00,unscheduled,bearing,3,,11000\n")
    midnight = NOW.replace(hour=0)
    assert home.events() == [(midnight, None, None), (START, work_order_id, SAME_REPAIR)]
    began = read_renewals(read_reference(home.lake, EVENTS)).at(["C-1"], NOW)
    assert began == {"C-1": midnight + timedelta(hours=3)}
    home.ingest(OTHER)
    assert home.in_lake() == [START]


def test_a_lake_from_an_older_copy_gets_the_event_back(home: Home) -> None:
    home.complete()
    home.ingest(OTHER)
    older = home.lake.version(EVENTS)
    home.take_in()
    home.lake.delta(EVENTS).restore(older)
    assert home.in_lake() == []
    assert home.take_in() == 1
    assert home.in_lake() == [START]


def test_a_reopened_order_takes_its_event_out_of_the_lake(home: Home) -> None:
    work_order_id = home.complete()
    home.take_in()
    with home.warehouse.connection() as connection:
        reopen_order(connection, work_order_id, ANN)
    assert home.latest()[:2] == ("ok", 5.0)
    assert home.take_in() == 1
    assert home.in_lake() == []
    assert home.events() == [(START, work_order_id, f"Ann: {work_order_id} reopened")]
    (row,) = read_reference_history(home.lake, EVENTS).select("work_order_id", "withdrawn_by").rows()
    assert row == (work_order_id, f"Ann: {work_order_id} reopened")


def test_drafts_go_to_a_folder_once_and_others_by_name(home: Home, tmp_path: Path) -> None:
    with home.warehouse.connection() as connection:
        order = draft_order(connection, DraftRequest("C-1"), ANN, home.settings.costs, home.settings.work_orders)
        other = draft_order(connection, DraftRequest("C-2"), ANN, home.settings.costs, home.settings.work_orders).work_order_id
    first = export(home.settings, tmp_path / "out", "maximo", [order.work_order_id], "bob")
    assert first["exported"] == {order.work_order_id: str(tmp_path / "out" / f"{order.work_order_id}.maximo.json")}
    assert set(export(home.settings, tmp_path / "out", "csv", [], None)["exported"]) == {other}
    assert export(home.settings, tmp_path / "out", "csv", [], None)["exported"] == {}
    assert [(row["work_order_id"], row["status"]) for row in listed(home.settings, None, "C-1")["work_orders"]] == [
        (order.work_order_id, "exported")
    ]
    with home.warehouse.connection() as connection:
        complete_order(connection, order.work_order_id, DONE, ANN)
    with pytest.raises(ConflictError, match=f"cannot export {order.work_order_id}: it is completed"):
        export(home.settings, tmp_path / "late", "sap", [other, order.work_order_id], None)
    assert not (tmp_path / "late").exists()
    with pytest.raises(InputError, match="cannot be written"):
        export(home.settings, tmp_path / "out" / f"{other}.csv", "csv", [other], None)
    assert reopen(home.settings, order.work_order_id, "wrong machine", None)["status"] == "exported"
    assert listed(home.settings, "completed", None)["work_orders"] == []
