"""Shows the prognostic metrics of an evaluation, and where the champion is not shown to be better."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from monitoring.evaluation.method_outcomes import BASELINE_NAMES


def show_prognostics(console: Console, result: dict[str, Any]) -> None:
    """A row per method that predicts lives: medians over lives, with quartiles. Then a sentence for each comparison without a win."""
    methods = {"champion": result, **{name: result[key] for key, name in BASELINE_NAMES.items() if "prognostics" in result.get(key, {})}}
    lives = result["prognostics"]["lives"]
    half = _middle([name for name in result["prognostics"] if name.startswith("alpha_lambda_") and "beta" not in name])
    table = Table(title=f"{lives} lives that ran to their failure: median (quartiles)", title_justify="left")
    for column in (
        "method",
        "horizon, days",
        "lasting horizon, days",
        f"alpha-lambda at {half}",
        f"relative accuracy at {half}",
        "convergence, days",
    ):
        table.add_column(column, overflow="fold")
    for name, numbers in methods.items():
        found = numbers["prognostics"]
        table.add_row(
            name,
            _quartiles(found, "prognostic_horizon_days"),
            _quartiles(found, "lasting_horizon_days"),
            _share(found, f"alpha_lambda_{half}"),
            _quartiles(found, f"relative_accuracy_{half}"),
            _quartiles(found, "convergence_days"),
        )
    console.print(table)
    for sentence in result["comparison"]["not_won"]:
        console.print(f"Champion, {sentence}", soft_wrap=True)
    for group in result["thinly_covered"]:
        where = "all fleets" if group["fleet"] is None else f"fleet {group['fleet']}"
        console.print(
            f"{where}, {group['grouping']} {group['group']}: {100 * group['coverage']:.1f} % of {group['windows']:,} windows are inside the 90 % interval",
            soft_wrap=True,
        )
    for name, reason in result["left_out"].items():
        console.print(f"{BASELINE_NAMES[name]} is left out: {reason}", soft_wrap=True)


def _middle(names: list[str]) -> str:
    """The lambda in the middle of the grid, as the metrics' names end."""
    return names[len(names) // 2].rpartition("_")[2] if names else "-"


def _quartiles(found: dict[str, Any], name: str) -> str:
    numbers = found.get(name, {"median": None})
    if numbers["median"] is None:
        return "-"
    return f"{numbers['median']:.2g} ({numbers['q25']:.2g} to {numbers['q75']:.2g})"


def _share(found: dict[str, Any], name: str) -> str:
    share = found.get(name, {}).get("share")
    return "-" if share is None else f"{share:.0%} of {found[name]['n']}"
