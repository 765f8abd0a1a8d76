"""Commands that save and restore a home: backup, restore."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from config.settings import Settings
from pipelines.commands.options import HOME, CommonOptions, HomeOption, HomeRules, JsonOption, run_job
from pipelines.runtime.console import StageReporter

app = typer.Typer()


@app.command(rich_help_panel=HOME)
def backup(
    file: Annotated[Path, typer.Argument(help="File to write, outside the home. Packed with zstd, or with gzip if the name ends in .gz.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Save lake, database, tracking store and artifacts to one file. A cycle may run meanwhile."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.backup.backup import back_up

        return back_up(settings, file, report)

    from pipelines.views.backup import show_backup

    run_job(job, show_backup, CommonOptions(home, as_json))


@app.command(rich_help_panel=HOME)
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `altaviz backup` has written.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fill an empty home from a backup, after verifying its checksums."""
    from pipelines.backup.restore import open_empty_home

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.backup.restore import restore as fill

        return fill(settings, file, report)

    from pipelines.views.backup import show_restore

    run_job(job, show_restore, CommonOptions(home, as_json), home_rules=HomeRules(prepare=open_empty_home))
