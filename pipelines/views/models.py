"""Shows the registered models: the list, one version with all its checks, a promotion."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from pipelines.runtime.console import open_console
from pipelines.views.facts import show_facts


def show_models(result: dict[str, Any]) -> None:
    """One line per version, the newest first."""
    console = open_console()
    table = Table("version", "aliases", "made", "verdict", "RMSE, days", "trained until", "why")
    for row in result["models"]:
        until = "-" if row["trained_until"] is None else row["trained_until"][:16]
        made = f"{row['created']:%Y-%m-%d %H:%M}"
        verdict = f"{row['decision']} (operator)" if row["trigger"] == "operator" else row["decision"] or "-"
        error = "-" if row["test_rmse_days"] is None else f"{row['test_rmse_days']:.2f}"
        table.add_row(row["version"], ", ".join(row["aliases"]), made, verdict, error, until, _first(row["reasons"]))
    console.print(table)


def show_version(result: dict[str, Any]) -> None:
    """Facts of one version, then every decision about it, newest first, with its checks."""
    decisions = result["decisions"]
    show_facts({name: value for name, value in result.items() if name not in ("decisions", "reasons")})
    console = open_console()
    for decision in decisions:
        before = "" if decision["previous_version"] is None else f", champion until then: {decision['previous_version']}"
        console.print()
        console.print(
            f"{decision['decided_at']:%Y-%m-%d %H:%M} {decision['decision']} (trigger: {decision['trigger']}{before})", soft_wrap=True
        )
        for reason in decision["reasons"]:
            console.print(f"  {reason}", soft_wrap=True)
        _show_gate(console, decision["checks"])


def show_promotion(result: dict[str, Any]) -> None:
    """The promotion, its reasons, and the checks of the gate."""
    console = open_console()
    how = "against the gate's decision" if result["forced"] else "the gate passes it"
    console.print(f"version {result['champion']} is champion now ({how}); before: {result['previous_version'] or 'none'}")
    for reason in result["reasons"]:
        console.print(f"  {reason}", soft_wrap=True)
    _show_gate(console, result["checks"])
    console.print("a running service takes it up within 30 s")


def _show_gate(console: Console, checks: list[dict[str, Any]]) -> None:
    if not checks:
        return
    table = Table("check", "passed", "result")
    for check in checks:
        table.add_row(check["name"], "yes" if check["passed"] else "NO", check["says"])
    console.print(table)


def _first(reasons: list[str]) -> str:
    more = f" (and {len(reasons) - 1} more: `altaviz models show`)" if len(reasons) > 1 else ""
    return f"{reasons[0]}{more}" if reasons else ""
