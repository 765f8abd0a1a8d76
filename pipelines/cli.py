"""Assembles the command line `altaviz` from the modules of pipelines.commands."""

from __future__ import annotations

import os
import warnings
from typing import Final

import typer

from pipelines.commands import (
    alerts,
    backup,
    benchmark,
    dashboard,
    data,
    experiments,
    home,
    keys,
    models,
    notifications,
    operations,
    site,
    taking_back,
    training,
    work_orders,
)
from pipelines.commands.options import DATA, MODELS, OPERATIONS
from pipelines.runtime.mlflow_environment import quieten

PRIVATE: Final = 0o077  # files that this process and its children write are for their user alone

app = typer.Typer(
    name="altaviz",
    help="Which compressors need attention, by when, and why?",
    epilog="Exit code: 0 done; 1 failed, one line gives the reason; 2 wrong use; 3 done, but some files were refused.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for commands in (operations, alerts, notifications, dashboard, data, taking_back, training, experiments, home, backup):
    app.add_typer(commands.app)
app.add_typer(site.app, name="site", rich_help_panel=DATA)
app.add_typer(keys.app, name="keys", rich_help_panel=OPERATIONS)
app.add_typer(work_orders.app, name="work-orders", rich_help_panel=OPERATIONS)
app.add_typer(models.app, name="models", rich_help_panel=MODELS)
app.add_typer(benchmark.app, name="benchmark", rich_help_panel=MODELS)


def main() -> None:
    """Console script `altaviz`: exit 0 done, 1 failed with one line of reason, 2 wrong use, 3 done but some files were refused."""
    os.umask(PRIVATE)
    quieten()
    warnings.simplefilter("ignore")
    app()


if __name__ == "__main__":
    main()
