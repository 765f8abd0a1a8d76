"""Runs the prediction service of a home in this process, until it is interrupted: `altaviz serve`."""

from __future__ import annotations

import ipaddress
import json
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import uvicorn

from config.errors import ConfigError, InputError, WarehouseError
from config.logs import get_log, place_of
from config.settings import Settings
from features.lake import COMPRESSORS, EVENTS, GOLD, Lake
from pipelines.lakehouse.prediction_alerts import follow_predictions
from pipelines.lakehouse.warehouse_sync import sync_reference, sync_view_rules
from pipelines.operations.notify import notifying
from pipelines.runtime.mlflow_environment import quieten
from serving.access.keyring import Keyring
from serving.access.stored import has_usable_key
from serving.api.access import Access
from serving.api.backend import Backend, ServiceParts
from serving.api.champion import ChampionSource
from serving.api.connections import Connections
from serving.api.routes.answering import ServiceRules
from serving.api.service import prediction_service
from serving.notifications.channels import open_channels
from serving.prediction.predictor import Predictor
from serving.registry.client import Registry
from serving.registry.model_record import ModelRecord
from serving.schemas import Prediction
from serving.warehouse.migrations import migrated_warehouse, migrated_writer
from serving.warehouse.prediction_points import earliest

if TYPE_CHECKING:
    from serving.warehouse.connection import Warehouse

_SPARE_CONNECTIONS = 6  # beside the service's threads: readiness, keys, champion, two that record writes, one that is being replaced
_BACKLOG = 128  # connections that the system queues; that many may be accepted before the first is read
_OTHER_FILES = 256  # open beside the connections: database, gold, logs, libraries


def serve(settings: Settings, host: str | None, port: int | None, *, as_json: bool) -> None:
    """Listen on `host` and `port` (None: serving.yaml) and answer until SIGTERM or Ctrl-C. One line on stdout names the address.

    Champion and warehouse may appear later. Beside the requests it escalates alerts and sends notifications. Raises ConfigError and InputError
    for an address or a channel that cannot be used.
    """
    _ = open_channels(settings.notifications)  # wrong ones stop the start
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, _end)
    listen, limits = settings.serving.listen, settings.serving.limits
    _require_files(limits.most_connections + _BACKLOG + _OTHER_FILES)
    with _listening(host or listen.host, listen.port if port is None else port) as listener:
        address, number = listener.getsockname()[:2]
        is_reachable = not ipaddress.ip_address(address.partition("%")[0]).is_loopback
        _require_key(settings, host or listen.host, is_reachable=is_reachable)
        _prepare(settings.home)

        backend = Backend(_parts(settings), settings.serving, settings.etl.ingest.clock_skew)
        keyring = Keyring(
            listen.api_key.get_secret_value() if listen.api_key else None,
            limits.requests_per_minute,
            needs_key=is_reachable or bool(listen.hosts),
            keep_s=settings.serving.keys.keep_s,
        )
        access = Access.of(listen, keyring, host)
        server = uvicorn.Server(
            uvicorn.Config(
                prediction_service(backend, settings.serving, access, _rules(settings)).to_asgi(),
                http=Connections(limits).protocol,  # type: ignore[arg-type]  # it makes one, as a class would
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=_BACKLOG,
                h11_max_incomplete_event_size=limits.most_header_bytes,
                timeout_keep_alive=limits.keep_alive_s,
                timeout_graceful_shutdown=listen.shutdown_s,
            )
        )
        url = f"http://[{address}]:{number}" if ":" in address else f"http://{address}:{number}"
        line = json.dumps({"url": url}) if as_json else f"Altaviz answers on {url} (Ctrl-C ends it)"
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        get_log().info("service listens", url=url)
        with notifying(settings):
            server.run(sockets=[listener])
        get_log().info("service ended")


def _end(_: int, __: object) -> None:
    raise SystemExit(0)


def _require_files(most: int) -> None:
    """Let this process open `most` files. Raises ConfigError where it may not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY not in (soft, hard) and hard < most:
        raise ConfigError(
            f"serving.yaml: limits.most_connections needs {most} open files, this process may open {hard}: lower it, or raise `ulimit -Hn`"
        )
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _require_key(settings: Settings, host: str, *, is_reachable: bool) -> None:
    """Raise ConfigError when other computers can reach the service, and no key keeps them out."""
    listen = settings.serving.listen
    if listen.api_key is not None or not (is_reachable or listen.hosts):
        return
    why = ""
    try:
        with migrated_warehouse(settings.database, settings.home) as warehouse, warehouse.connection() as connection:
            if has_usable_key(connection):
                return
    except WarehouseError as error:
        why = f" (keys cannot be read: {error})"
    cure = "set ALTAVIZ_API_KEY or make a key with `altaviz keys create`"
    if is_reachable:
        raise ConfigError(f"host {host} can be reached from other computers{why}: {cure}, or listen on 127.0.0.1")
    raise ConfigError(f"ALTAVIZ_HOSTS lets other machines in{why}: {cure}, or remove ALTAVIZ_HOSTS")


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that is bound to an address of this machine."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise InputError(f"host {host!r} is not an address of this machine ({error.strerror}): choose another with --host") from error
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen()
        except OSError as error:
            raise InputError(f"cannot listen on {host} port {port} ({error.strerror}): choose another with --host or --port") from error
        yield listener


def _prepare(home: Path) -> None:
    """Set where BentoML and MLflow write and how much they log. Call it before they are imported."""
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"
    os.environ["BENTOML_HOME"] = str(home / "bentoml")
    quieten()
    logging.basicConfig(handlers=[_Events()], level=logging.WARNING, force=True)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # it logs every wrong request, so anybody could fill the log


class _Events(logging.Handler):
    """Turns log records of the libraries into events of Altaviz."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        fields = {} if error is None else {"error": repr(error), **place_of(error)}
        get_log().log(record.levelno, record.getMessage(), logger=record.name, **fields)


def _rules(settings: Settings) -> ServiceRules:
    return ServiceRules(settings.thresholds, settings.costs, settings.work_orders, frozenset(settings.notifications.channels))


def _parts(settings: Settings) -> ServiceParts:
    lake = Lake(settings.lake_uri)
    serving, pool = settings.serving, settings.database.pool
    waits = serving.recovery
    database = settings.database.model_copy(
        update={
            "pool": pool.model_copy(
                update={
                    "max_size": max(pool.max_size, serving.limits.threads + _SPARE_CONNECTIONS),
                    "connect_timeout_s": waits.connect_timeout_s,
                    "statement_timeout_s": waits.statement_timeout_s,
                    "lock_timeout_s": waits.lock_timeout_s,
                }
            )
        }
    )

    def champion(warehouse: Warehouse | None) -> Predictor:
        record = None if warehouse is None else ModelRecord(warehouse)
        registered = Registry(settings.tracking_uri, record).champion()
        return Predictor(registered, settings.scoring, settings.costs, settings.model.scoring.threads, scored_by="service")

    @cache
    def registry() -> Registry:
        return Registry(settings.tracking_uri)

    def sync(opened: Warehouse) -> None:
        sync_reference(opened, lake, settings.fleet)
        sync_view_rules(opened, settings)

    def alert(connection: psycopg.Connection, predictions: Sequence[Prediction]) -> None:
        follow_predictions(connection, settings, earliest((row.compressor_id, row.prediction_timestamp) for row in predictions))

    return ServiceParts(
        champion=ChampionSource(champion, lambda: registry().champion_mark()),
        warehouse=partial(migrated_writer, database, settings.home),
        gold=lambda: lake.delta(GOLD),
        compressors=lambda: lake.delta(COMPRESSORS),
        events=lambda: lake.delta(EVENTS),
        sync_reference=sync,
        alert_predictions=alert,
    )
