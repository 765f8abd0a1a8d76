"""Shows a drift report and the drift benchmark."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from pipelines.runtime.console import open_console as _console
from pipelines.views.training import show_reasons


def show_drift(result: dict[str, Any]) -> None:
    """The decision with its reasons, and the features that drifted."""
    console = _console()
    compared = result["compared"]
    console.print(
        f"Model version {result['model_version']} at {result['as_of']:%Y-%m-%d %H:%M} UTC: "
        f"{compared['compressors']} compressors, {compared['compared']} of them compared with their own {round(compared['baseline_days'], 1):g} days before",
        soft_wrap=True,
    )
    drifted = [row for row in result["features"] if row["drifted"]]
    if drifted:
        table = Table("drifted feature", "PSI", "by chance", "KS", "p, adjusted", "effect, sd", "fleet moved by")
        for row in drifted:
            numbers = (row[name] for name in ("psi", "psi_by_chance", "ks", "p_adjusted", "effect", "fleet_shift"))
            table.add_row(row["name"], *("-" if number is None else f"{number:.3g}" for number in numbers))
        console.print(table)
    if result["data_faults"]["named"]:
        columns = ("compressor_id", "sensor", "fault", "since")
        table = Table("compressor", *columns[1:], title="Data faults: not drift, so their hours are left out", title_justify="left")
        for item in result["data_faults"]["named"]:
            table.add_row(*(item[name] for name in columns))
        console.print(table)
    console.print(
        f"drift: {'yes' if result['drift'] else 'no'}; retraining: {'called for' if result['decision']['retrain'] else 'not needed'}"
    )
    show_reasons(console, result["decision"]["reasons"])


def show_drift_weeks(result: dict[str, Any]) -> None:
    """The monitoring result of each week, and how many columns Evidently's default reports as drifted."""
    console = _console()
    table = Table(title=f"Drift, week by week (model version {result['model_version']})", title_justify="left")
    for name in ("fleet", "week", "drifted features", "prediction PSI", "retrain", "Evidently: training fleet", "days before"):
        table.add_column(name, overflow="fold")
    for week in result["weeks"]:
        found = [f"{item['drifted_columns']} of {item['columns']}" for item in week["evidently"].values()]
        psi = "-" if week["prediction_psi"] is None else f"{week['prediction_psi']:.2f}"
        table.add_row(
            str(week["seed"]), week["week"], ", ".join(week["drifted_features"]) or "-", psi, "yes" if week["retrain"] else "no", *found
        )
    console.print(table)
    for kind, total in result["totals"].items():
        console.print(
            f"{kind}: drift in {total['with_drift']} of {total['weeks']}, retraining in {total['with_retraining']}", soft_wrap=True
        )
