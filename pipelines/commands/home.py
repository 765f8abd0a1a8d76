"""Commands that inspect a home: status, doctor."""

from __future__ import annotations

from typing import Any

import typer

from config.settings import Settings
from pipelines.commands.options import HOME, CommonOptions, HomeOption, HomeRules, JsonOption, run_job
from pipelines.runtime.console import StageReporter

app = typer.Typer()


@app.command(rich_help_panel=HOME)
def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show what this home holds: rows, versions, champion."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.operations.status import summarise

        return summarise(settings, report)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, CommonOptions(home, as_json))


@app.command(rich_help_panel=HOME)
def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Check Java, Spark, Delta, database, tracking and disk, and show how to repair each. Exit code 1 if a check fails."""
    outcome: dict[str, Any] = {}

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.runtime.doctor import examine

        outcome.update(examine(settings, report))
        return outcome

    from pipelines.views.cycle import show_checks

    run_job(job, show_checks, CommonOptions(home, as_json), home_rules=HomeRules(database=False))
    if not outcome["ok"]:
        raise typer.Exit(1)
