"""Serves MLflow's page for the store of a home: `altaviz experiments`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import webbrowser
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from config.errors import InputError
from config.settings import Settings
from pipelines.runtime.console import is_interactive
from pipelines.runtime.mlflow_environment import quieten
from serving.registry.client import Registry

_HOST: Final = "127.0.0.1"
_NAMES: Final = (_HOST, "localhost")  # host names of the page in a browser on this computer
_STORE: Final = "MLFLOW_BACKEND_STORE_URI"  # read by the server; an argument would show a password in the process list
_SWITCH_OFF: Final = "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE"
# Jobs would add ten processes and a queue, and nothing here uses them.
_NO_JOBS: Final = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
_PATIENCE_S: Final = 10.0  # for the server to end by itself


def serve_experiments(settings: Settings, port: int) -> int:
    """Serve the page on the loopback address until SIGTERM or Ctrl-C. Returns the server's exit code. If the store is a server, print and
    open its own page instead.

    The page only answers requests whose `Host` is this computer, so no web page can reach it (DNS rebinding).
    Raises ModelError if the store does not answer, InputError if the port cannot be used.
    """
    quieten()
    Registry(settings.tracking_uri).version_of("champion")  # a store that does not answer fails here, in one line
    store = urlsplit(settings.tracking_uri)
    if store.scheme in ("http", "https"):
        page = store._replace(netloc=store.netloc.rpartition("@")[2]).geturl()  # without a password
        sys.stderr.write(f"MLflow on {page}\n")
        if is_interactive():
            webbrowser.open(page)
        return 0
    _require_free(port)
    command = [sys.executable, "-m", "mlflow", "ui", "--host", _HOST, "--port", str(port), "--workers", "1", *_guards(port)]
    return _run_until_interrupted(command, settings.tracking_uri, port)


def _guards(port: int) -> list[str]:
    """The hosts and origins that may use the page.

    MLflow's default would also allow `10.*` and `192.168.*`, which match 10.evil.example.
    """
    hosts = [*_NAMES, *(f"{name}:{port}" for name in _NAMES)]
    origins = [f"http://{name}:{port}" for name in _NAMES]
    return ["--allowed-hosts", ",".join(hosts), "--cors-allowed-origins", ",".join(origins)]


def _require_free(port: int) -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HOST, port))
            listener.listen()
        except OSError as error:
            raise InputError(f"cannot listen on {_HOST} port {port} ({error.strerror}): choose another with --port") from error


def _run_until_interrupted(command: list[str], tracking_uri: str, port: int) -> int:
    """Run the server in its own process group, so that its workers end with this process."""
    for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop, _end)
    environment = {name: value for name, value in os.environ.items() if name != _SWITCH_OFF} | {_STORE: tracking_uri, **_NO_JOBS}
    server = subprocess.Popen(command, env=environment, process_group=0)
    try:
        sys.stderr.write(f"MLflow on http://{_HOST}:{port} (Ctrl-C ends it)\n")
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                server.wait(timeout=_PATIENCE_S)
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _end(_: int, __: object) -> None:
    raise KeyboardInterrupt
