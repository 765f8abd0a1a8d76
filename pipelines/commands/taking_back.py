"""altaviz retire and altaviz withdraw: what a person takes back by hand."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from config.settings import Settings
from pipelines.commands.options import DATA, CommonOptions, HomeOption, JsonOption, run_job
from pipelines.runtime.console import StageReporter

app = typer.Typer()
ReasonOption = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why; it is kept with it.", show_default=False)]
ByOption = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who; your user name when left out.", show_default=False)]
UndoOption = Annotated[bool, typer.Option("--undo", help="The other way round.")]


@app.command(rich_help_panel=DATA)
def retire(
    compressor_id: Annotated[str, typer.Argument(help="The compressor.")],
    reason: ReasonOption = None,
    by: ByOption = None,
    undo: UndoOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a compressor out of service: it is not scored or ranked any more, and its history still trains."""

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
    """Take a wrongly loaded reading file out of silver and gold, from the next `features` on; bronze keeps it."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lakehouse.taking_back import withdraw as take_back

        return take_back(settings, file, reason, by, report, undo=undo)

    from pipelines.views.facts import show_facts

    run_job(job, show_facts, CommonOptions(home, as_json))
