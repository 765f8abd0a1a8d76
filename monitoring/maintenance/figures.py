"""The figure that compares maintenance policies by their cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from matplotlib.figure import Figure

from monitoring.maintenance.policies import CRITICAL, FORESIGHT, INTERVAL, LIFE, OURS, TO_FAILURE, WARNING
from training.diagnostics.plots import MODEL_COLOUR

if TYPE_CHECKING:
    from collections.abc import Sequence

OTHER_COLOUR: Final = "#999999"
_USD_IN_KUSD: Final = 1000.0


def plot_policy_costs(report: Mapping[str, Any], confidence: float) -> Figure:
    """Cost of a compressor-year under each policy, dearest on top, with its interval.

    report: what `altaviz evaluate --policy` reports. confidence: of its intervals, 0 to 1.
    """
    policies, names = report["policies"], _names(report)
    order = sorted(policies, key=lambda name: float(policies[name]["usd_per_compressor_year"]))
    means = [policies[name]["usd_per_compressor_year"] / _USD_IN_KUSD for name in order]
    intervals = [[end / _USD_IN_KUSD for end in policies[name]["interval"]] for name in order]
    figure = Figure(figsize=(8.0, 0.9 + 0.48 * len(order)), layout="constrained")
    axis = figure.subplots()
    axis.barh(
        [names[name] for name in order],
        means,
        xerr=_distances(means, intervals),
        color=[MODEL_COLOUR if name == OURS else OTHER_COLOUR for name in order],
        ecolor="black",
        capsize=3,
    )
    for row, (mean, (low, high)) in enumerate(zip(means, intervals, strict=True)):
        axis.annotate(f"{mean:,.0f} ({low:,.0f} to {high:,.0f})", (high, row), (6, 0), textcoords="offset points", va="center")
    axis.set(xlabel=f"cost, thousand USD per compressor-year (bars: {100 * confidence:.0f} % interval)")
    axis.set_xlim(0, 1.35 * max(high for _, high in intervals))
    axis.grid(axis="x", alpha=0.25)
    axis.set_axisbelow(True)
    return figure


def _distances(means: Sequence[float], intervals: Sequence[Sequence[float]]) -> list[list[float]]:
    """From each mean down to the lower end, and up to the upper end of its interval."""
    lower = [mean - low for mean, (low, _) in zip(means, intervals, strict=True)]
    upper = [high - mean for mean, (_, high) in zip(means, intervals, strict=True)]
    return [lower, upper]


def _names(report: Mapping[str, Any]) -> dict[str, str]:
    """What a reader calls each policy, with its limit."""
    days, hours = report["interval_days"], report["threshold_hours"]
    return {
        TO_FAILURE: "run to failure",
        INTERVAL: "fixed interval, none pays" if days is None else f"fixed interval, {days:g} d",
        WARNING: f"warning threshold, {hours['warning']} h",
        CRITICAL: f"critical threshold, {hours['critical']} h",
        LIFE: f"predicted life of {report['predicted_life_days']:g} d or less",
        OURS: "act_by of Altaviz",
        FORESIGHT: "perfect foresight",
    }
