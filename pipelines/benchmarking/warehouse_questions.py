"""The questions that service and pages ask the warehouse: the functions themselves, with what a planner would ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import psycopg

from config.settings import Settings
from pipelines.benchmarking.warehouse_fleet import END
from serving.alerts.alert_key import AlertKey
from serving.alerts.alert_rows import AlertFilter, list_alerts, read_alert, read_changes
from serving.dashboard.queries.data import check_days, check_history, sensor_faults
from serving.dashboard.queries.fleet import ORDERS, FleetFilter, compressor_ids, filter_choices, fleet_page, repairs_by_day, station_counts
from serving.dashboard.queries.model import decisions, drift_verdicts, outcome_bands, used_versions
from serving.dashboard.queries.moment import read_moment
from serving.dashboard.queries.orders import order_counts, order_record
from serving.warehouse.fleet import FleetQuestion, read_compressor, read_fleet_page
from serving.warehouse.tables import latest_predictions
from serving.work_orders.order import OrderFilter, count_orders, list_orders
from serving.work_orders.workload import workload

_PAGE: Final = 100  # rows of a page
_SILENT_H: Final = 3.0

Ask = Callable[[psycopg.Connection], object]


@dataclass(frozen=True)
class Question:
    """What is asked, by whom, and the function that asks it over an open connection. A report weighs a month of history: no limit is set for it."""

    name: str
    ask: Ask
    is_report: bool = False


def questions(settings: Settings, compressor_id: str, station_id: str, alert: AlertKey) -> list[Question]:
    """Every question of the service and of the pages, for one compressor, station and alert where it needs one."""
    everything, station = FleetFilter(), FleetFilter(stations=(station_id,))
    return [
        Question("service: fleet, first page", lambda c: read_fleet_page(c, FleetQuestion(limit=_PAGE))),
        Question("service: fleet, page 20 by saving", lambda c: read_fleet_page(c, FleetQuestion(sort="expected_saving_usd", limit=_PAGE, offset=1900))),
        Question("service: fleet, urgent by date", lambda c: read_fleet_page(c, FleetQuestion(urgency="critical", sort="act_by", limit=_PAGE))),
        Question("service: fleet, one station", lambda c: read_fleet_page(c, FleetQuestion(station=station_id, limit=_PAGE))),
        Question("service: one compressor, 7 days", lambda c: read_compressor(c, compressor_id, 7)),
        Question("service: one compressor, 30 days", lambda c: read_compressor(c, compressor_id, 30)),
        Question("service: newest prediction of one", lambda c: latest_predictions(c, compressor_ids=[compressor_id])),
        Question("service: alerts, first page", lambda c: list_alerts(c, AlertFilter(), _PAGE)),
        Question("service: alerts of a station", lambda c: list_alerts(c, AlertFilter(station_ids=(station_id,)), _PAGE)),
        Question("service: alerts of a compressor, also closed",
                 lambda c: list_alerts(c, AlertFilter(states=("raised", "acknowledged", "shelved", "resolved", "closed"), compressor_ids=(compressor_id,)), _PAGE)),
        Question("service: one alert with its changes", lambda c: (read_alert(c, alert), read_changes(c, alert))),
        Question("service: open work orders", lambda c: (list_orders(c, OrderFilter(statuses=("draft", "exported")), _PAGE),
                                                         count_orders(c, OrderFilter(statuses=("draft", "exported"))))),
        Question("service: work orders of a compressor", lambda c: list_orders(c, OrderFilter(compressor_id=compressor_id), _PAGE)),
        Question("service: crews and work of 30 days", lambda c: workload(c, settings.costs, 30)),
        Question("page: moment and freshness", read_moment),
        Question("page: filters", filter_choices),
        Question("page: names of all compressors", compressor_ids),
        Question("page: Today, needs attention", lambda c: fleet_page(c, FleetFilter(attention=True), ORDERS[0], 0, _PAGE)),
        Question("page: Today, one station", lambda c: fleet_page(c, station, ORDERS[1], 0, _PAGE)),
        Question("page: Today, map and counts", lambda c: station_counts(c, everything, _SILENT_H)),
        Question("page: Today, repairs by day", lambda c: repairs_by_day(c, everything)),
        Question("page: Work orders, what is open", order_counts),
        Question("page: Work orders, of a station", lambda c: (list_orders(c, OrderFilter(stations=(station_id,)), _PAGE),
                                                               count_orders(c, OrderFilter(stations=(station_id,))))),
        Question("page: Work orders, one with its log", lambda c: [order_record(c, order.work_order_id) for order in list_orders(c, limit=1)]),
        Question("page: Data, days and checks", lambda c: (check_days(c), check_history(c, END.date(), 30))),
        Question("page: Data, faults by sensor", sensor_faults),
        Question("page: Model, decisions and drift", lambda c: (decisions(c), drift_verdicts(c, 30), used_versions(c))),
        Question("page: Model, what came true in 90 days", lambda c: outcome_bands(c, 90, 200), is_report=True),
    ]  # fmt: skip
