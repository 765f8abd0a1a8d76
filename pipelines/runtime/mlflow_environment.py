"""What MLflow reads from the environment: no chatter, no bars, no pickled models."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    pass


# What MLflow reads from the environment; what is set there already stays.
_MLFLOW: Final = {
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # a server's run would be the first line of --json
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",  # 12 s in all until a server that refuses is told; MLflow's own 7 take four minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",  # s
}


# Set whatever the environment says: a model file that is pickled, or names its own trusted types, runs code when it is loaded.
_SAFE: Final = {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}


def quieten() -> None:
    """Leave MLflow's and Alembic's own chatter and bars out of the user's sight; errors still come through. Best before MLflow is imported.

    From here on MLflow loads no model by a way that may run code, in this process and those it starts.
    """
    os.environ.update(_SAFE)
    for name, value in _MLFLOW.items():
        os.environ.setdefault(name, value)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
