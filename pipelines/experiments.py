"""altaviz experiments: MLflow's own page over the store of a home."""

from __future__ import annotations

import os
import subprocess
import sys

from config.settings import Settings
from pipelines.tracking import quieten


def serve_experiments(settings: Settings, port: int) -> int:
    """Serve the page on the loopback address until it is interrupted; returns the server's exit code. Raises ModelError."""
    from serving.registry import Registry

    quieten()
    Registry(settings.tracking_uri).version_of("champion")  # a store that does not answer fails here, in one line
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "ui",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--backend-store-uri",
        settings.tracking_uri,
    ]
    sys.stderr.write(f"MLflow on http://127.0.0.1:{port} (Ctrl-C ends it)\n")
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    try:
        return subprocess.run(command, check=False, env=environment).returncode
    except KeyboardInterrupt:
        return 0
