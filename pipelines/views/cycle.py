"""Shows an hourly cycle, the demo and the checks of the doctor."""

from __future__ import annotations

from typing import Any

from pipelines.runtime.console import open_console as _console
from pipelines.views.data import show_books
from pipelines.views.drift import show_drift
from pipelines.views.fleet import show_fleet
from pipelines.views.notifications import show_notifications
from pipelines.views.reference_files import show_reference
from pipelines.views.training import show_verdict


def show_cycle(result: dict[str, Any]) -> None:
    """The cycle step by step: readings, fleet, drift, and the model decision."""
    show_books(result["features"])
    show_reference(_console(), result["ingest"])
    show_fleet(result["score"])
    show_drift(result["monitor"])
    show_verdict(result["retrain"])
    show_notifications(result["notify"])
    _console().print(f"cycle done in {result['seconds']:.0f} s")


def show_demo(result: dict[str, Any], home_argument: str, pages: str) -> None:
    """Row counts of the demo's readings, the fleet, the next commands with `home_argument`, and the address `pages` of the planner's pages."""
    show_books(result["books"])
    show_fleet(result)
    console = _console()
    if result["training"] is not None:
        console.print("; ".join(result["training"]["reasons"]))
    moment = f"{result['as_of']:%Y-%m-%dT%H:%M:%S}"
    console.print(f"done in {result['seconds']:.0f} s. Next:")
    for command in (
        "altaviz dashboard",
        "altaviz serve",
        f"altaviz monitor --as-of {moment}",
        f"altaviz run --as-of {moment}",
        "altaviz experiments",
        "altaviz status",
    ):
        console.print(f"  .venv/bin/{command}{home_argument}", soft_wrap=True)
    console.print(f"The planner's pages: `altaviz dashboard` shows them on {pages}", soft_wrap=True)


def show_checks(result: dict[str, Any]) -> None:
    """One line per check."""
    console = _console()
    for name, check in result["checks"].items():
        console.print(f"{'ok  ' if check['ok'] else 'FAIL'} {name:<14} {check['says']}", soft_wrap=True)
