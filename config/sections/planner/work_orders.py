"""Schema of work_orders.yaml: the rule of priorities, and the fields of maintenance systems."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from config.loader import Section
from config.sections.thresholds import AmountLimit, ShareLimit

Priority = Literal[1, 2, 3, 4]
PRIORITIES: tuple[Priority, ...] = (1, 2, 3, 4)
CodeT = TypeVar("CodeT")


def _for_every_priority(codes: dict[Priority, CodeT]) -> dict[Priority, CodeT]:
    missing = [str(priority) for priority in PRIORITIES if priority not in codes]
    if missing:
        raise ValueError(f"has no code for priority {', '.join(missing)}: give one for each of 1 to 4")
    return codes


class PrioritySection(Section):
    """From when on a draft is an emergency, or urgent."""

    emergency_days: AmountLimit
    emergency_probability: ShareLimit
    urgent_days: AmountLimit
    urgent_probability: ShareLimit

    @model_validator(mode="after")
    def _emergencies_are_urgent(self) -> Self:
        if self.emergency_days.value > self.urgent_days.value:
            raise ValueError("priority.emergency_days must be at most priority.urgent_days: an emergency is urgent too")
        if self.emergency_probability.value < self.urgent_probability.value:
            raise ValueError("priority.emergency_probability must be at least priority.urgent_probability: an emergency is urgent too")
        return self


class MaximoSection(Section):
    """What the fields of IBM Maximo's work-order API hold."""

    prefix: Literal["", "spi:"]
    orgid: str = Field(min_length=1, max_length=8)
    siteid: str = Field(min_length=1, max_length=8)
    worktype: str = Field(min_length=1, max_length=5)
    status: str = Field(min_length=1, max_length=16)
    wopriority: Annotated[dict[Priority, Annotated[int, Field(ge=0, le=999)]], AfterValidator(_for_every_priority)]
    assetnum: dict[str, str]
    location: dict[str, str]


class SapSection(Section):
    """What the fields of SAP's maintenance notification hold. Lengths are those of the API."""

    notification_type: str = Field(min_length=2, max_length=2)
    planning_plant: str = Field(min_length=1, max_length=4)
    planner_group: Annotated[str, Field(min_length=1, max_length=3)] | None
    main_work_center: Annotated[str, Field(min_length=1, max_length=8)] | None
    reported_by_user: Annotated[str, Field(min_length=1, max_length=12)] | None
    priority: Annotated[dict[Priority, Annotated[str, Field(min_length=1, max_length=1)]], AfterValidator(_for_every_priority)]
    technical_object: dict[str, Annotated[str, Field(max_length=40)]]


class WorkOrdersConfig(Section):
    """All of work_orders.yaml."""

    priority: PrioritySection
    maximo: MaximoSection
    sap: SapSection
