"""Runs the planners' pages of a home in this process, and the prediction service that they write through beside them: `altaviz dashboard`."""

from __future__ import annotations

import ipaddress
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from types import FrameType
from typing import Any, Final

import uvicorn

from config.errors import ConfigError, InputError, WarehouseError
from config.logs import get_log
from config.settings import Settings
from serving.dashboard.server import dashboard_app
from serving.dashboard.startup import ApiPlace, Startup, start_with
from serving.warehouse.migrations import migrated_warehouse

_LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")
_PATIENCE_S: Final = 15.0  # for the service to end by itself
_DRAIN_S: Final = 3  # that open pages get at the end


def run_dashboard(settings: Settings, host: str | None, port: int | None, as_of: datetime | None, *, as_json: bool) -> None:
    """Serve the pages until SIGTERM or Ctrl-C. One line on stdout names the address.

    The warehouse may appear later: until then the pages say what is missing. Raises ConfigError and InputError for an address that cannot
    be used.
    """
    listen = settings.dashboard.listen
    address = host or listen.host
    with ExitStack() as resources, _listening(address, listen.port if port is None else port, listen.proxy_hosts) as listener:
        try:
            resources.enter_context(migrated_warehouse(settings.database, settings.home))  # keeps the embedded server up
        except WarehouseError as error:
            get_log().warning("no warehouse yet", error=str(error))
        api = resources.enter_context(_service(settings))
        start_with(Startup(settings, as_of, api, resources))
        found, number = listener.getsockname()[:2]
        server = _Server(
            uvicorn.Config(
                dashboard_app([*_LOOPBACK, found, *listen.proxy_hosts]),
                log_config=None,
                access_log=False,
                server_header=False,
                ws="websockets-sansio",
                timeout_graceful_shutdown=_DRAIN_S,
            )
        )
        url = f"http://[{found}]:{number}" if ":" in found else f"http://{found}:{number}"
        line = json.dumps({"url": url}) if as_json else f"Altaviz shows its pages on {url} (Ctrl-C ends it)"
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        get_log().info("pages listen", url=url)
        server.run(sockets=[listener])
        get_log().info("pages ended")


class _Server(uvicorn.Server):
    """A server that ends in order at the first signal, and does not raise the signal again afterwards."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.should_exit = True


@contextmanager
def _listening(host: str, port: int, proxy_hosts: list[str]) -> Iterator[socket.socket]:
    """A socket that is bound to an address of this machine."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise InputError(f"host {host!r} is not an address of this machine ({error.strerror}): choose another with --host") from error
    if not proxy_hosts and not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
        raise ConfigError(
            f"host {host} can be reached from other computers, and the pages have no login: listen on 127.0.0.1 behind a proxy that asks "
            "for one, and name its hosts in ALTAVIZ_DASHBOARD_HOSTS"
        )
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen()
        except OSError as error:
            raise InputError(f"cannot listen on {host} port {port} ({error.strerror}): choose another with --host or --port") from error
        yield listener


@contextmanager
def _service(settings: Settings) -> Iterator[ApiPlace]:
    """The service that is named, else one of this home on a free port, which ends with this process."""
    secret = settings.serving.listen.api_key
    key = secret.get_secret_value() if secret else None
    if settings.dashboard.api_url:
        yield ApiPlace(settings.dashboard.api_url, None, key)
        return
    place = ApiPlace(key=key)
    command = [sys.executable, "-m", "pipelines.cli", "serve", "--host", "127.0.0.1", "--port", "0", "--json", "--home", str(settings.home)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ}, text=True, process_group=0)
    threading.Thread(target=_watch, args=(child, place), name="service", daemon=True).start()
    try:
        yield place
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _watch(child: subprocess.Popen[str], place: ApiPlace) -> None:
    """Take the service's address from its first line, and notice its end."""
    assert child.stdout is not None
    answer: dict[str, Any] = {}
    for line in child.stdout:
        answer = _parsed(line)
        if "url" in answer:
            place.url, place.problem = str(answer["url"]), None
    place.url = None
    place.problem = f"the prediction service has ended ({answer.get('error', f'exit code {child.wait()}')})"
    get_log().warning("service of the pages ended", problem=place.problem)


def _parsed(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
