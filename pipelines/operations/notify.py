"""Escalates alerts, tells channels what changed, and delivers messages: `altaviz notify`, each hourly cycle, and beside `altaviz serve`."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import psycopg

from config.errors import AltavizError, NotReadyError, WarehouseError
from config.logs import get_log
from config.settings import Settings
from pipelines.runtime.console import StageReporter
from serving.alerts.advance import advance_alerts
from serving.api.recovery import Recovering
from serving.api.watch import Watch
from serving.notifications.channels import Sender, open_channels
from serving.notifications.delivery import Delivered, deliver, give_up_strays, read_waiting, try_again
from serving.notifications.news import Told, tell
from serving.schemas import present_moment
from serving.warehouse.alerts import alert_lock, try_all_alerts
from serving.warehouse.connection import Warehouse
from serving.warehouse.migrations import migrated_warehouse, migrated_writer
from serving.warehouse.prediction_points import prediction_alert_lock

_RETRY_S: Final = 5.0  # after a failure, such as a database that is down
_END_S: Final = 2.0  # beyond a receiver's time that an end waits for a message on its way
_SIGNAL_S: Final = 1.0  # a signal that comes just before a wait begins, or that another thread gets, does not end the wait


@dataclass(frozen=True)
class Advanced:
    """What time changed by itself, and what was told of it and of all else."""

    alerts_changed: int
    told: Told


def notify(
    settings: Settings, report: StageReporter, *, as_of: datetime | None = None, again: bool = False, within_s: float | None = None
) -> dict[str, Any]:
    """One round: escalate at `as_of` (None: the home's moment), tell, and deliver what is due, for at most `within_s` seconds.

    `again` makes everything due that was not delivered, also what was given up. Returns alerts_changed, told (changes, messages, too_old),
    channels (by name: sent, failed, given_up, waiting, oldest, last_error), seconds. Raises ConfigError, WarehouseError.
    """
    started = time.perf_counter()
    config, senders = settings.notifications, open_channels(settings.notifications)
    with report.stage("notify"), migrated_warehouse(settings.database, settings.home) as warehouse:
        with warehouse.connection() as connection:
            alert_lock(connection)
            prediction_alert_lock(connection)
            advanced = _advance(connection, settings, as_of, open_only=False)
            strays = give_up_strays(connection, senders, config.delivery)
            if again:
                try_again(connection)
        delivered = _deliver_all(warehouse, senders, settings, within_s)
        with warehouse.connection() as connection:
            waiting = {row.channel: row for row in read_waiting(connection)}
    nothing = {"waiting": 0, "oldest": None, "given_up": 0, "last_error": None}
    channels = {}
    for name in sorted({*senders, *waiting}):
        counts, row = delivered.get(name, Delivered()), waiting.get(name)
        channels[name] = {"sent": counts.sent, "failed": counts.failed, **nothing, **(asdict(row) if row else {})}
        channels[name].pop("channel", None)
    return {
        "alerts_changed": advanced.alerts_changed,
        "told": asdict(advanced.told),
        "given_up_without_channel": strays,
        "channels": channels,
        "seconds": round(time.perf_counter() - started, 2),
    }


def keep_notifying(settings: Settings, announce: Callable[[], None]) -> None:
    """Rounds until SIGTERM or Ctrl-C: `altaviz notify --watch`. `announce` is called when they have begun."""
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, lambda _number, _frame: sys.exit(0))
    with notifying(settings):
        announce()
        never = threading.Event()
        while not never.wait(_SIGNAL_S):
            pass


@contextmanager
def notifying(settings: Settings) -> Iterator[None]:
    """Rounds beside other work, until the block ends. Each channel has its own thread: a receiver that is down delays no other.

    The warehouse may be missing, and is opened when it is there. Raises ConfigError at once for channels that cannot be used.
    """
    config, senders = settings.notifications, open_channels(settings.notifications)
    _ = settings.thresholds  # a wrong file stops the start, not a thread
    pool = settings.database.pool.model_copy(update={"min_size": 1, "max_size": len(senders) + 2})
    database = settings.database.model_copy(update={"pool": pool})
    part = Recovering("notifications", partial(migrated_writer, database, settings.home), _RETRY_S)
    ended = threading.Event()

    def advance(warehouse: Warehouse) -> None:
        with warehouse.connection() as connection:
            if try_all_alerts(connection):  # else a cycle is at work, and does it
                _advance(connection, settings, None, open_only=True)
            give_up_strays(connection, senders, config.delivery)

    jobs: dict[str, Callable[[Warehouse], object]] = {"alerts": advance}
    for name, sender in senders.items():
        jobs[f"channel {name}"] = partial(deliver, channel=name, sender=sender, rules=config.delivery, is_over=ended.is_set)
    watches = [Watch(name, partial(_with_warehouse, part, job), config.delivery.every_s, _RETRY_S) for name, job in jobs.items()]
    for watch in watches:
        watch.start()
    try:
        yield
    finally:
        ended.set()
        until = time.monotonic() + config.delivery.timeout_s + _END_S
        for watch in watches:
            watch.close(within_s=max(until - time.monotonic(), 0.0))
        part.close()


def _with_warehouse(part: Recovering[Warehouse], job: Callable[[Warehouse], object]) -> None:
    try:
        warehouse = part.get()
    except NotReadyError:
        return  # another thread is opening it
    try:
        job(warehouse)
    except WarehouseError as error:
        part.discard(warehouse, error)
        raise


def _advance(connection: psycopg.Connection, settings: Settings, as_of: datetime | None, *, open_only: bool) -> Advanced:
    """What time changes, and the messages about it: one transaction, so that none is without the other."""
    row = connection.execute("SELECT moment FROM v_moment").fetchone()
    moment = as_of or (row[0] if row else present_moment())
    changed = advance_alerts(connection, moment, settings.thresholds.escalation, open_only=open_only)
    now, config = present_moment(), settings.notifications
    is_past = as_of is not None and now - as_of > timedelta(hours=config.delivery.most_age_hours)
    return Advanced(changed, tell(connection, config, now, is_past=is_past))


def _deliver_all(warehouse: Warehouse, senders: Mapping[str, Sender], settings: Settings, within_s: float | None) -> dict[str, Delivered]:
    """All channels at the same time. A sender that is not back in time is left alone: its message is claimed, and due again later."""
    rules = settings.notifications.delivery
    started = time.monotonic()
    results: dict[str, Delivered] = {}
    failures: list[AltavizError] = []

    def is_over() -> bool:
        return within_s is not None and time.monotonic() - started >= within_s

    def run(name: str, sender: Sender) -> None:
        try:
            results[name] = deliver(warehouse, name, sender, rules, is_over)
        except AltavizError as error:
            failures.append(error)
            get_log().warning("delivery failed", channel=name, reason=str(error))

    threads = [threading.Thread(target=run, args=item, name=f"channel {item[0]}", daemon=True) for item in senders.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(None if within_s is None else max(started + within_s + rules.timeout_s + _END_S - time.monotonic(), 0.0))
    if failures:
        raise failures[0]
    return dict(results)
