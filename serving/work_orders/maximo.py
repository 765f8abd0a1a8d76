"""A work order in the shape of IBM Maximo's work-order API: object structure MXAPIWODETAIL, also MXWO.

The field names are the attributes of Maximo's WORKORDER object, as its JSON API has them. A call with `lean=1` takes them as they are; the
older OSLC form writes `spi:` before each.
"""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any, Final

from config.plain_text import plain_text
from config.sections.planner.work_orders import MaximoSection
from serving.work_orders.order import WorkOrder

_MOST_DESCRIPTION: Final = 100  # characters of WORKORDER.DESCRIPTION
_MOST_PERSON: Final = 30  # of WORKORDER.REPORTEDBY and LEAD


def to_maximo(order: WorkOrder, maximo: MaximoSection) -> dict[str, Any]:
    """The body that creates the order. Fields without a value are left out. Times are ISO 8601, UTC."""
    fields: dict[str, Any] = {
        "wonum": order.work_order_id,
        "description": plain_text(order.title)[:_MOST_DESCRIPTION],
        "description_longdescription": order.description,
        "assetnum": maximo.assetnum.get(order.compressor_id, order.compressor_id),
        "location": maximo.location.get(order.station_id, order.station_id) if order.station_id else None,
        "siteid": maximo.siteid,
        "orgid": maximo.orgid,
        "worktype": maximo.worktype,
        "status": maximo.status,
        "wopriority": maximo.wopriority[order.priority],
        "reportdate": _time(order.drafted_at),
        "reportedby": plain_text(order.drafted_by)[:_MOST_PERSON],
        "targstartdate": _time(order.planned_start),
        "targcompdate": None if order.act_by is None else _time(datetime.combine(order.act_by, time(23, 59, 59), UTC)),
        "lead": None if order.assigned_to is None else plain_text(order.assigned_to)[:_MOST_PERSON],
        "externalrefid": order.work_order_id,
    }
    return {f"{maximo.prefix}{name}": value for name, value in fields.items() if value is not None}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")
