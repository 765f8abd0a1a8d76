"""The commands of `altaviz work-orders`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from config.settings import Settings
from pipelines.commands.options import CommonOptions, HomeOption, JsonOption, run_job
from pipelines.runtime.console import StageReporter
from serving.schemas import ExportFormat, OrderStatus

app = typer.Typer(help="List, export and reopen work orders.", no_args_is_help=True)

_ByOption = Annotated[str | None, typer.Option("--by", help="Who does it. Default: the user of this system.", show_default=False)]


@app.command("list")
def work_orders_list(
    status: Annotated[
        OrderStatus | None, typer.Option("--status", help="Only orders of this status. Default: open orders.", show_default=False)
    ] = None,
    compressor_id: Annotated[
        str | None, typer.Option("--compressor", metavar="ID", help="Only this compressor.", show_default=False)
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List work orders: open ones by the day they are planned or due, then the others, newest first."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.operations.work_orders import listed

        return listed(settings, status, compressor_id)

    from pipelines.views.work_orders import show_orders

    run_job(job, show_orders, CommonOptions(home, as_json))


@app.command("export")
def work_orders_export(
    folder: Annotated[Path, typer.Argument(help="Folder for the files, one for each order.")],
    ids: Annotated[list[str] | None, typer.Argument(help="Orders. Default: every draft.", show_default=False)] = None,
    wanted: Annotated[ExportFormat, typer.Option("--format", help="csv: spreadsheet. maximo: IBM Maximo. sap: SAP PM.")] = "csv",
    by: _ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write work orders as files for the maintenance system, and mark them as exported."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.operations.work_orders import export

        return export(settings, folder, wanted, ids or [], by)

    from pipelines.views.work_orders import show_exported

    run_job(job, show_exported, CommonOptions(home, as_json))


@app.command("reopen")
def work_orders_reopen(
    work_order_id: Annotated[str, typer.Argument(help="A completed order.")],
    reason: Annotated[str | None, typer.Option("--reason", help="Why, for the log of the order.", show_default=False)] = None,
    by: _ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a completion back: its maintenance event no longer counts, and the order is open again."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.operations.work_orders import reopen

        return reopen(settings, work_order_id, reason, by)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, CommonOptions(home, as_json))
