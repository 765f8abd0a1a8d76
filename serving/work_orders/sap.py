"""A work order in the shape of SAP's maintenance notification: service API_MAINTNOTIFICATION, entity MaintenanceNotification (OData V2).

Field names and lengths are those of its metadata. In OData V2 a date is `/Date(milliseconds)/`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any, Final

from config.plain_text import plain_text
from config.sections.planner.work_orders import SapSection
from serving.work_orders.order import WorkOrder

_MOST: Final = {"NotificationText": 40, "MaintNotifLongTextForEdit": 1333, "TechnicalObject": 40, "LocationDescription": 50}
_EQUIPMENT: Final = "EAMS_EQUI"  # the technical object is equipment, not a functional location


def to_sap(order: WorkOrder, sap: SapSection) -> dict[str, Any]:
    """The body that creates the notification. Fields without a value are left out; texts are cut to the length of their field."""
    start = None if order.planned_start is None else order.planned_start.astimezone(UTC)
    fields: dict[str, Any] = {
        "NotificationType": sap.notification_type,
        "NotificationText": plain_text(order.title),
        "MaintNotifLongTextForEdit": f"{order.work_order_id}\n{order.description}",
        "MaintPriority": sap.priority[order.priority],
        "TechnicalObject": sap.technical_object.get(order.compressor_id, order.compressor_id),
        "TechObjIsEquipOrFuncnlLoc": _EQUIPMENT,
        "LocationDescription": plain_text(order.place),
        "RequiredStartDate": None if start is None else _date(start.date()),
        "RequiredStartTime": None if start is None else f"PT{start:%H}H{start:%M}M{start:%S}S",
        "RequiredEndDate": None if order.act_by is None else _date(order.act_by),
        "NotificationCreationDate": _date(order.drafted_at.astimezone(UTC).date()),
        "ReportedByUser": sap.reported_by_user,
        "MaintenancePlanningPlant": sap.planning_plant,
        "MaintenancePlannerGroup": sap.planner_group,
        "MainWorkCenter": sap.main_work_center,
        "MaintNotifExtReferenceNumber": order.work_order_id,
    }
    return {name: value[: _MOST[name]] if name in _MOST else value for name, value in fields.items() if value is not None}


def _date(day: date) -> str:
    return f"/Date({int(datetime.combine(day, time(), UTC).timestamp()) * 1000})/"
