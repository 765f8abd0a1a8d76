"""How long before each failure the first alert stood, and how many alerts were true. Pure; times are days since one origin.

meant      An alert means a failure if it was raised in the life that the failure ended. It must also have stood in the last
           `false_alarm_rul_days` of that life.
verdict    An alert is true, false or undecided as an alarm of monitoring.evaluation.alarms is, by the life that was left when it was raised.

Data alerts are about sensors, not about machines: they are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from config.sections.evaluation import ProtocolSection
from monitoring.evaluation.alarms import Failure, WatchedLife, judge

ANY: Final = "any"
MACHINE_SOURCES: Final = ("threshold", "own_normal", "prediction")


@dataclass(frozen=True, slots=True)
class StandingAlert:
    """An alert from `raised` to `ended` (infinite while it stands)."""

    source: str
    raised: float
    ended: float


@dataclass(frozen=True)
class AlertedFailure:
    """A failure, whether a prediction alarm caught it, and the days since the first alert that means it, by source and in all."""

    compressor_id: str
    mode: str
    caught: bool
    lead_days: dict[str, float]  # NaN without one


def alerted_failures(
    compressor_id: str,
    lives: Sequence[WatchedLife],
    failures: Sequence[Failure],
    alerts: Sequence[StandingAlert],
    protocol: ProtocolSection,
) -> list[AlertedFailure]:
    """The failures of one compressor. `failures` are those that `watch_compressor` found in `lives`."""
    judged = []
    for life, failure in zip([life for life in lives if life.failed], failures, strict=True):
        earliest = life.end - protocol.false_alarm_rul_days.value
        meant = [alert for alert in alerts if life.start < alert.raised <= life.end and alert.ended >= earliest]
        leads = {
            source: life.end - min((alert.raised for alert in meant if source in (ANY, alert.source)), default=float("nan"))
            for source in (ANY, *MACHINE_SOURCES)
        }
        judged.append(AlertedFailure(compressor_id, failure.mode, failure.caught, leads))
    return judged


def alert_verdicts(
    lives: Sequence[WatchedLife], alerts: Sequence[StandingAlert], protocol: ProtocolSection
) -> Mapping[tuple[str, str], int]:
    """The number of alerts of one compressor by source and verdict."""
    counts: Counter[tuple[str, str]] = Counter()
    for life in lives:
        own = [alert for alert in alerts if life.start < alert.raised <= life.end]
        verdicts = judge(np.array([alert.raised for alert in own], np.float64), life, protocol)
        counts.update((alert.source, str(verdict)) for alert, verdict in zip(own, verdicts.tolist(), strict=True))
    return counts
