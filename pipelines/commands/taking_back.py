"""Commands that take back data by hand: retire, withdraw."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from config.settings import Settings
from pipelines.commands.options import DATA, CommonOptions, HomeOption, JsonOption, run_job
from pipelines.runtime.console import StageReporter

app = typer.Typer()
ReasonOption = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Why. It is stored with the change.", show_default=False)
]
ByOption = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who. Default: your user name.", show_default=False)]
UndoOption = Annotated[bool, typer.Option("--undo", help="Reverse it.")]


@app.command(rich_help_panel=DATA)
def retire(
    compressor_id: Annotated[str, typer.Argument(help="The compressor.")],
    reason: ReasonOption = None,
    by: ByOption = None,
    undo: UndoOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a compressor out of service. It is no longer scored or ranked, but its history is still used for training."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lakehouse.taking_back import retire as take_back

        return take_back(settings, compressor_id, reason, by, report, undo=undo)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, CommonOptions(home, as_json))


@app.command(rich_help_panel=DATA)
def withdraw(
    file: Annotated[str, typer.Argument(help="Name of a loaded reading file, or the start of its SHA-256.")],
    reason: ReasonOption = None,
    by: ByOption = None,
    undo: UndoOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a wrongly loaded reading file from silver and gold, at the next `features`. Bronze keeps it."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lakehouse.taking_back import withdraw as take_back

        return take_back(settings, file, reason, by, report, undo=undo)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, CommonOptions(home, as_json))
