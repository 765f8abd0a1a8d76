"""Title and description of a draft, in words that a crew understands. Pure."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from config.sections.costs import CostsConfig
from serving.work_orders.basis import Basis, fault_sentence

MOST_TITLE_CHARACTERS: Final = 200  # of the column
_DAY: Final = "%a %Y-%m-%d"


def title_of(basis: Basis, act_by: date | None) -> str:
    """The order in one line."""
    is_due = basis.has_numbers and (act_by is not None or basis.health in ("warning", "critical"))
    verb = "Repair" if is_due else "Inspect"
    due = f" by {act_by:%Y-%m-%d}" if act_by else ""
    return f"{verb} {basis.compressor_id} ({basis.model}){due}"[:MOST_TITLE_CHARACTERS]


def description_of(basis: Basis, act_by: date | None, reason: str | None, by: str, costs: CostsConfig) -> str:
    """What is to be done where, by when, and why: a paragraph each."""
    parts = [f"{basis.compressor_id}, {basis.model}, at {basis.place}."]
    if act_by is not None:
        parts.append(f"Repair it by {act_by.strftime(_DAY)}: that day costs least.")
    elif basis.has_numbers:
        parts.append("No repair is due yet.")
    parts.append(_outlook(basis))
    if reason:
        parts.append(f"{by} asked for this order: {reason}")
    if basis.reasons:
        parts.append("\n".join(["Why:", *(f"- {line}" for line in basis.reasons)]))
    if basis.data_faults:
        parts.append(
            "\n".join(["Check these sensors too, they have a fault:", *(f"- {fault_sentence(item)}" for item in basis.data_faults)])
        )
    parts.append(_costs(basis, costs))
    return "\n\n".join(parts)


def _outlook(basis: Basis) -> str:
    if basis.rul_days is None or basis.prediction_timestamp is None:
        status = basis.prediction_status
        why = "it was never scored" if status is None else f"the newest has the status {status}"
        return f"No usable prediction: {why}. A person drafted this order, not the model."
    span = f"{basis.rul_lower_days:.1f} to {basis.rul_upper_days:.1f}"
    outlook = f"Expected remaining life: {basis.rul_days:.1f} days ({span}), as of {_minute(basis.prediction_timestamp)}."
    if basis.failure_probability is not None and basis.horizon_days is not None:
        outlook += f" Probability of a failure within {basis.horizon_days:g} days: {basis.failure_probability:.0%}."
    if basis.prediction_status != "ok":
        outlook += f" That is the last usable prediction; the newest has the status {basis.prediction_status}."
    return outlook


def _costs(basis: Basis, costs: CostsConfig) -> str:
    planned, unplanned = costs.planned, costs.unplanned
    text = (
        f"Parts take {planned.lead_days.value:g} days. The planned repair takes about {24 * planned.repair_days.value:.0f} h and costs about "
        f"{planned.repair_usd.value:,.0f} USD; an unplanned stop costs about {unplanned.usd:,.0f} USD."
    )
    if basis.expected_saving_usd is not None:
        text += f" Expected saving of a repair by then: {basis.expected_saving_usd:,.0f} USD."
    return text


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
