"""The command that shows alerts and the load that they make: alerts."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from config.settings import Settings
from pipelines.commands.options import OPERATIONS, AsOfOption, CommonOptions, HomeOption, JsonOption, parse_time, run_job
from pipelines.runtime.console import StageReporter

app = typer.Typer()


@app.command(rich_help_panel=OPERATIONS)
def alerts(
    days: Annotated[float, typer.Option("--days", min=0.05, max=3650, help="Days before the moment whose alarms are counted.")] = 30,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Most open alerts that are listed, the worst first.")] = 20,
    as_of: AsOfOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the alerts that nobody has closed, and the load of alarms on the operator."""
    moment = parse_time(as_of)

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.operations.alerts import read_load

        return read_load(settings, moment, days, limit, report)

    from pipelines.views.alerts import show_alerts

    run_job(job, show_alerts, CommonOptions(home, as_json))
