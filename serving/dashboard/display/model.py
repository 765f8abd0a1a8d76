"""Decisions, checks of the gate and drift as tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final

from markupsafe import Markup

from serving.dashboard.display.formatting import DASH, local_time, number
from serving.dashboard.display.table import Column
from serving.dashboard.queries.model import DriftRow, DriftVerdict
from serving.warehouse.decisions import ModelDecision

_TRIGGERS: Final = {
    "train": "training",
    "retrain": "retraining",
    "drift": "retraining after drift",
    "operator": "an operator",
}
_LOOKS: Final = {"promoted": ("healthy", "●"), "refused": ("warning", "◆"), "rolled_back": ("critical", "▲")}


def decision_columns() -> list[Column[ModelDecision]]:
    """All verdicts."""
    return [
        Column("Version", lambda row: row.model_version),
        Column("Verdict", lambda row: row.decision.replace("_", " "), _verdict),
        Column("Decided at", lambda row: row.decided_at, lambda row: local_time(row.decided_at, UTC, year=True)),
        Column("After", lambda row: _TRIGGERS[row.trigger]),
        Column("In place of", lambda row: row.previous_version),
        Column("Why", lambda row: "; ".join(row.reasons) or None, wide=True),
    ]


def check_columns() -> list[Column[Mapping[str, Any]]]:
    """The checks of the gate for one version."""
    return [
        Column("Check", lambda row: str(row.get("name", "?")), lambda row: str(row.get("name", "?")).replace("_", " ")),
        Column("Outcome", lambda row: "passed" if row.get("passed") else "failed", _outcome),
        Column("What was found", lambda row: str(row.get("says", DASH)), wide=True),
    ]


def verdict_columns() -> list[Column[DriftVerdict]]:
    """What monitoring decided."""
    return [
        Column("Until", lambda row: row.metric_timestamp, lambda row: local_time(row.metric_timestamp, UTC, year=True)),
        Column("Version", lambda row: row.model_version),
        Column("Drift", lambda row: "yes" if row.drift else "no"),
        Column("Retrain", lambda row: "yes" if row.retrain else "no"),
        Column("Features drifted", lambda row: row.drifted, number=True),
        Column("Features compared", lambda row: row.compared, number=True),
        Column("Why", lambda row: "; ".join(row.reasons) or None, wide=True),
    ]


def drift_columns() -> list[Column[DriftRow]]:
    """What was measured."""
    return [
        Column("Compared", lambda row: row.name, lambda row: row.name.replace("_", " ")),
        Column("Drifted", lambda row: "yes" if row.drifted else "no", lambda row: "▲ yes" if row.drifted else "no"),
        Column("PSI", lambda row: row.psi, lambda row: number(row.psi, 3), number=True),
        Column("PSI by chance", lambda row: row.psi_by_chance, lambda row: number(row.psi_by_chance, 3), number=True),
        Column("KS distance", lambda row: row.ks, lambda row: number(row.ks, 3), number=True),
        Column("p, adjusted", lambda row: row.p_adjusted, lambda row: number(row.p_adjusted, 4), number=True),
        Column("Effect (standard deviations)", lambda row: row.effect, lambda row: number(row.effect, 2), number=True),
    ]


def _verdict(row: ModelDecision) -> Markup:
    return Markup('<span class="az-badge az-{0}"><span aria-hidden="true">{1}</span> {2}</span>').format(
        *_LOOKS[row.decision], row.decision.replace("_", " ")
    )


def _outcome(row: Mapping[str, Any]) -> Markup:
    look = ("healthy", "●", "passed") if row.get("passed") else ("critical", "▲", "failed")
    return Markup('<span class="az-badge az-{0}"><span aria-hidden="true">{1}</span> {2}</span>').format(*look)
