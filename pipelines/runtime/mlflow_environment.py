"""Sets the environment of MLflow: no chatter, no bars, no pickled models."""

from __future__ import annotations

import logging
import os
from typing import Final

# Defaults: a variable that is set already is kept.
_MLFLOW: Final = {
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # a server's run would be the first line of --json
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",  # an unreachable server fails after 12 s; MLflow's default of 7 takes four minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",  # s
}


# Always set: loading a pickled model file, or one that names its own trusted types, can run code.
_SAFE: Final = {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}


def quieten() -> None:
    """Hide the chatter and progress bars of MLflow and Alembic; errors still show. Call it before MLflow is imported.

    Afterwards MLflow loads no pickled model, in this process or those it starts.
    """
    os.environ.update(_SAFE)
    for name, value in _MLFLOW.items():
        os.environ.setdefault(name, value)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
