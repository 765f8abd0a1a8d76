"""The command `notify`."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from config.errors import AltavizError
from config.logs import set_up_logs
from config.settings import Settings
from pipelines.commands.options import OPERATIONS, CommonOptions, HomeOption, HomeRules, JsonOption, fail, open_settings, run_job
from pipelines.runtime.console import StageReporter

app = typer.Typer()


@app.command(rich_help_panel=OPERATIONS)
def notify(
    watch: Annotated[bool, typer.Option("--watch", help="Go on until interrupted. `altaviz serve` does so by itself.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="First make everything due that was not delivered, also what was given up.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Escalate alerts that nobody acknowledges, tell the channels of notifications.yaml what changed, and send what is due."""
    if watch and again:
        raise typer.BadParameter("choose one of them", param_hint="--watch, --again")
    if watch:
        _watch(CommonOptions(home, as_json))
        return

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.operations.notify import notify as send

        return send(settings, report, again=again)

    from pipelines.views.notifications import show_notifications

    run_job(job, show_notifications, CommonOptions(home, as_json))


def _watch(options: CommonOptions) -> None:
    from pipelines.operations.notify import keep_notifying

    try:
        settings = open_settings(options, HomeRules())
        set_up_logs(settings.home, to_stderr=True)

        def announce() -> None:
            channels = list(settings.notifications.channels)
            line = json.dumps({"channels": channels}) if options.as_json else f"Altaviz notifies {', '.join(channels)} (Ctrl-C ends it)"
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

        keep_notifying(settings, announce)
    except AltavizError as error:
        fail(str(error), as_json=options.as_json)
