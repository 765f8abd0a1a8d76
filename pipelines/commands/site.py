"""The commands of `altaviz site`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from config.settings import Settings
from pipelines.commands.options import CommonOptions, HomeOption, HomeRules, JsonOption, run_job
from pipelines.runtime.console import StageReporter

app = typer.Typer(help="Describe how a site writes its files.", no_args_is_help=True)


@app.callback()
def describe() -> None:
    """Describe how a site writes its files."""


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder with readings/, and compressor_metadata.csv if there is one.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="File to write. Default: FOLDER/site.yaml.", show_default=False)
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draft site.yaml from column names, ranges and units. Each line shows how certain it is. An existing file is never overwritten."""

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        from pipelines.lakehouse.site_draft import draft

        return draft(settings, folder, out, report)

    from pipelines.views.site import show_draft

    run_job(job, show_draft, CommonOptions(home, as_json), home_rules=HomeRules(database=False))
