"""Repairs that are due by day, beside the crews that can do them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import psycopg
from psycopg.rows import class_row

from config.sections.costs import CostsConfig


@dataclass(frozen=True)
class WorkDay:
    """The work of one day (UTC). What is overdue counts on the first day."""

    day: date
    due_repairs: int  # compressors whose repair is due then
    due_unordered: int  # of these, without an open order
    due_unplanned: int  # of these, with an open order that has no planned start
    due_compressors: list[str]
    planned_orders: int  # open orders that begin then
    planned_work_orders: list[str]
    crews: float  # planned repairs that can be done in a day
    saving_usd: float  # expected, of the due repairs

    @property
    def is_overloaded(self) -> bool:
        """Whether the crews cannot do what is planned then and what is due and not planned."""
        return self.planned_orders + self.due_unordered + self.due_unplanned > self.crews


_QUERY: Final = """
    WITH asked AS (
        SELECT (moment AT TIME ZONE 'UTC')::date AS today FROM v_moment
    ),
    due AS (
        SELECT fleet.compressor_id, greatest(fleet.act_by, asked.today) AS day, fleet.expected_saving_usd,
               fleet.next_work_order_id IS NULL AS unordered,
               fleet.next_work_order_id IS NOT NULL AND fleet.next_planned_start IS NULL AS unplanned
        FROM v_fleet_health_summary AS fleet CROSS JOIN asked
        WHERE fleet.act_by IS NOT NULL
    ),
    planned AS (
        SELECT work.work_order_id, greatest((work.planned_start AT TIME ZONE 'UTC')::date, asked.today) AS day
        FROM v_open_work_orders AS work CROSS JOIN asked
        WHERE work.planned_start IS NOT NULL
    )
    SELECT days.day::date AS day,
           coalesce(due.repairs, 0) AS due_repairs, coalesce(due.unordered, 0) AS due_unordered,
           coalesce(due.unplanned, 0) AS due_unplanned,
           coalesce(due.compressors, '{}') AS due_compressors,
           coalesce(planned.orders, 0) AS planned_orders, coalesce(planned.ids, '{}') AS planned_work_orders,
           %(crews)s::float8 AS crews, coalesce(due.saving_usd, 0)::float8 AS saving_usd
    FROM asked
    CROSS JOIN generate_series(asked.today::timestamp, asked.today + %(days)s - 1, INTERVAL '1 day') AS days (day)
    LEFT JOIN (
        SELECT day, count(*) AS repairs, count(*) FILTER (WHERE unordered) AS unordered,
               count(*) FILTER (WHERE unplanned) AS unplanned,
               array_agg(compressor_id::text ORDER BY compressor_id) AS compressors, sum(expected_saving_usd) AS saving_usd
        FROM due GROUP BY day
    ) AS due ON due.day = days.day::date
    LEFT JOIN (
        SELECT day, count(*) AS orders, array_agg(work_order_id::text ORDER BY work_order_id) AS ids
        FROM planned GROUP BY day
    ) AS planned ON planned.day = days.day::date
    ORDER BY days.day
"""


def workload(connection: psycopg.Connection, costs: CostsConfig, days: int) -> list[WorkDay]:
    """The next `days` days from the connection's moment (v_moment) on, each with its work and the crews of costs.yaml."""
    a_day = costs.planned.crews.value / max(costs.planned.crew_days.value, 1.0)
    with connection.cursor(row_factory=class_row(WorkDay)) as cursor:
        return cursor.execute(_QUERY, {"crews": a_day, "days": days}).fetchall()
