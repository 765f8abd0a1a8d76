"""The command of the planners' pages: dashboard."""

from __future__ import annotations

from typing import Annotated

import typer

from config.errors import AltavizError
from config.logs import set_up_logs
from pipelines.commands.options import (
    OPERATIONS,
    AsOfOption,
    CommonOptions,
    HomeOption,
    HomeRules,
    JsonOption,
    fail,
    open_settings,
    parse_time,
)

app = typer.Typer()


@app.command(rich_help_panel=OPERATIONS)
def dashboard(
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on. Default: dashboard.yaml (loopback).", show_default=False)
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Port; 0 picks a free one. Default: dashboard.yaml.", show_default=False)
    ] = None,
    as_of: AsOfOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the planners' pages: what needs attention, by when, and why. It runs until interrupted."""
    moment = parse_time(as_of)
    from pipelines.operations.dashboard import run_dashboard

    try:
        settings = open_settings(CommonOptions(home, as_json), HomeRules())
        set_up_logs(settings.home, to_stderr=True)
        run_dashboard(settings, host, port, moment, as_json=as_json)
    except AltavizError as error:
        fail(str(error), as_json=as_json)
