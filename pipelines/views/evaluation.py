"""Shows an evaluation."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from pipelines.runtime.console import open_console as _console
from pipelines.views.prognostics import show_prognostics


def show_evaluation(result: dict[str, Any]) -> None:
    """The champion's detected failures and false alarms, beside its baselines and thresholds. Then each fleet."""
    console = _console()
    days = result["protocol"]
    console.print(
        f"Alarm: predicted life below {days['alarm_rul_days']:g} days for {days['alarm_hours']:g} hours in a row. "
        f"Caught: it stands {days['lead_days']:g} days before the failure. False: more than {days['false_alarm_rul_days']:g} days were left."
    )
    methods = {
        f"champion (version {result['model_version']})": result,
        "gradient boosting": result["baseline"],
        **({"perceptron on the window": result["mlp"]} if "mlp" in result else {}),
        "linear trend to threshold": result["linear_trend"],
        **{f"threshold: {level}": numbers for level, numbers in result["thresholds"].items()},
    }
    slow = f"caught, of slow failures ({days['min_degradation_days']:g} days or more)"
    table = Table("method", slow, "caught, of all", "true alarms", "false per healthy month", "median lead, days", "RMSE, days")
    for name, numbers in methods.items():
        table.add_row(name, *_evaluation_cells(numbers))
    for fleet in result["fleets"]:
        table.add_row(f"champion, fleet {fleet['seed']}", *_evaluation_cells(fleet["champion"]))
    console.print(table)
    modes = Table("failure mode", slow, "caught, of all", title="Champion by failure mode", title_justify="left")
    for mode, numbers in result["by_mode"].items():
        modes.add_row(mode, _caught(numbers["failures_5d"]), _caught(numbers["failures"]))
    console.print(modes)
    show_prognostics(console, result)
    if "reasons" in result:
        _show_reasons_judged(console, result["reasons"])
    console.print(f"run {result['run_id']}, done in {result['seconds']} s")


def _show_reasons_judged(console: Console, result: dict[str, Any]) -> None:
    """The share of first reasons that name a sensor of the failure mode, and the days that it alone restores.

    Other methods stand beside it.
    """
    methods = list(result["methods"])
    title = "First reason at the alarm: names a sensor of the failure mode (a leading one), days of life that it alone gives back"
    table = Table("failure mode", "caught", *(method.replace("_", " ") for method in methods), title=title, title_justify="left")
    for mode, group in {"all": result, **result["by_mode"]}.items():
        judged = [group["methods"][method] for method in methods]
        cells = [
            "-" if own["share"] is None else f"{own['share']:.0%} ({own['leading']:.0%}), {own['restored_days']:.1f} d" for own in judged
        ]
        table.add_row(mode, str(group["cases"]), *cells)
    console.print(table)
    alike, chance = result["randomised"], result["randomised"]["among_randomised"]
    rows = {"champion against them": alike, "each two of them": chance}
    table = Table(
        "attributions", "rank correlation", "of sizes", "same first", title=f"{alike['models']} randomised models", title_justify="left"
    )
    for name, row in rows.items():
        shares = [row[column] for column in ("rank_correlation", "rank_correlation_of_sizes", "same_first")]
        table.add_row(name, *("-" if share is None else f"{share:.2f}" for share in shares))
    console.print(table)


def _evaluation_cells(numbers: dict[str, Any]) -> tuple[str, ...]:
    alarms, lead, error = numbers["alarms"], numbers["lead_times_days"]["q50"], numbers.get("rul_rmse_days")
    false = numbers["false_alarms_per_healthy_compressor_month"]
    true = "-" if alarms["precision"] is None else f"{alarms['precision']:.0%} of {alarms['true'] + alarms['false']}"
    return (
        _caught(numbers["failures_5d"]),
        _caught(numbers["failures"]),
        true,
        "-" if false is None else f"{false:.2f}",
        "-" if lead is None else f"{lead:.1f}",
        "-" if error is None else f"{error:.1f}",
    )


def _caught(failures: dict[str, Any]) -> str:
    return "-" if failures["recall"] is None else f"{failures['recall']:.0%} ({failures['caught']} of {failures['n']})"
