"""`altaviz notify`: one round, rounds that go on, and a process that dies between sending and marking."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from config.loader import CONFIG_DIR
from config.settings import Settings, load_settings
from pipelines.operations.notify import keep_notifying, notify, notifying
from pipelines.runtime.console import StageReporter
from serving.schemas import Compressor, present_moment
from serving.warehouse.alerts import Alert, replace_alerts
from serving.warehouse.connection import Warehouse
from serving.warehouse.migrations import migrated_warehouse
from serving.warehouse.tables import upsert_compressors
from tests.folders import TemporaryDirectory
from tests.pipelines.console_script import ALTAVIZ, eventually, surroundings

SECRET = "whsec_9uPzqYJ0X2mV5rT8wKc3nB7hLd4sFgAe6oQiUxZtR1E="
LIMIT_S = 60


@pytest.fixture(scope="module")
def make_httpserver() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1", port=0, threaded=True) as server:
        yield server


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with TemporaryDirectory() as directory:
        yield Path(directory)


@pytest.fixture(scope="module")
def opened(home: Path) -> Iterator[Warehouse]:
    """The home's warehouse, open during all tests: the processes share its server."""
    with migrated_warehouse(load_settings(home, environ={}).database, home) as warehouse:
        yield warehouse


@pytest.fixture
def warehouse(opened: Warehouse) -> Warehouse:
    with opened.connection() as connection:
        connection.execute("TRUNCATE alert_history, alert_changes, outbox")
        upsert_compressors(connection, [Compressor("C-1", "Ariel JGK/4", 1480.0, None, "S-1")])
    return opened


def _environment(home: Path, **urls: str) -> dict[str, str]:
    """A configuration with a webhook for each name, that looks every 50 ms."""
    folder = home / "config"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for shipped in CONFIG_DIR.glob("*.yaml"):
        shutil.copy(shipped, folder)
    content = yaml.safe_load((folder / "notifications.yaml").read_text(encoding="utf-8"))
    log = content["channels"].pop("log")
    for name, url in urls.items():
        content["channels"][name] = log | {"kind": "webhook", "url": url, "secret": "${HOOK_SECRET}"}
    content["delivery"] |= {"every_s": 0.05, "timeout_s": 5, "first_wait_s": 0.05}
    (folder / "notifications.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return {"ALTAVIZ_CONFIG_DIR": str(folder), "HOOK_SECRET": SECRET, "ALTAVIZ_HOME": str(home)}


def _settings(home: Path, **urls: str) -> Settings:
    return load_settings(home, environ=_environment(home, **urls))


def _raise_alert(warehouse: Warehouse, moment: datetime, alert_type: str = "vibration_mms_high") -> None:
    alert = Alert(
        compressor_id="C-1",
        alert_type=alert_type,
        alert_timestamp=moment,
        raised_at=moment,
        critical_at=moment,
        severity="critical",
        message="vibration 8.5 mm/s is at or above critical 8",
        value=8.5,
        threshold=8.0,
        last_seen=moment,
        reading_count=1,
        resolved=False,
        resolved_at=None,
        settled_at=None,
    )
    with warehouse.connection() as connection:
        replace_alerts(connection, [alert], {"C-1": moment}, ["threshold"])


def _notify(settings: Settings, **options: Any) -> dict[str, Any]:
    with StageReporter(interactive=False) as report:
        return notify(settings, report, **options)


def _topics(server: HTTPServer) -> list[str]:
    return [json.loads(request.get_data())["type"] for request, _ in server.log]


def test_a_round_escalates_tells_and_delivers_and_a_second_one_has_nothing_to_do(
    home: Path, warehouse: Warehouse, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    settings = _settings(home, hook=httpserver.url_for("/hook"))
    _raise_alert(warehouse, present_moment() - timedelta(hours=3))
    first, second = _notify(settings), _notify(settings)
    assert _topics(httpserver) == ["alert.raised", *["alert.escalated"] * 3]
    assert (first["alerts_changed"], first["told"]) == (1, {"messages": 4, "too_old": 0, "changes": 4})
    assert first["channels"] == {"hook": {"sent": 4, "failed": 0, "waiting": 0, "oldest": None, "given_up": 0, "last_error": None}}
    assert (second["alerts_changed"], second["channels"]["hook"]["sent"]) == (0, 0)


def test_a_dead_receiver_delays_no_other_and_gets_its_messages_when_it_is_back(
    home: Path, warehouse: Warehouse, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    settings = _settings(home, dead="http://127.0.0.1:9/hook", hook=httpserver.url_for("/hook"))
    _raise_alert(warehouse, present_moment())
    channels = _notify(settings)["channels"]
    assert (channels["hook"]["sent"], channels["dead"]["failed"], channels["dead"]["waiting"]) == (1, 1, 1)
    assert _notify(_settings(home, dead=httpserver.url_for("/hook")), again=True)["channels"]["dead"]["sent"] == 1


def test_a_replay_of_the_past_sends_nothing(home: Path, warehouse: Warehouse, httpserver: HTTPServer) -> None:
    settings = _settings(home, hook=httpserver.url_for("/hook"))
    past = datetime.fromisoformat("2026-03-02T06:00:00+00:00")
    _raise_alert(warehouse, past)
    result = _notify(settings, as_of=past + timedelta(hours=5))
    assert result["told"] == {"messages": 0, "too_old": 4, "changes": 4}
    assert httpserver.log == []


def test_a_cycle_after_an_outage_tells_that_an_old_alert_still_waits(home: Path, warehouse: Warehouse, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    settings = _settings(home, hook=httpserver.url_for("/hook"))
    _raise_alert(warehouse, present_moment() - timedelta(days=3))
    told = [_notify(settings, as_of=present_moment())["told"] for _ in range(2)]
    assert told == [{"messages": 1, "too_old": 3, "changes": 4}, {"messages": 0, "too_old": 0, "changes": 0}]
    assert _topics(httpserver) == ["alert.raised"]


def test_rounds_beside_other_work_deliver_and_end_with_it(home: Path, warehouse: Warehouse, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    with notifying(_settings(home, hook=httpserver.url_for("/hook"), dead="http://127.0.0.1:9/hook")):
        _raise_alert(warehouse, present_moment() - timedelta(hours=2))
        eventually(lambda: _require(_topics(httpserver) == ["alert.raised", *["alert.escalated"] * 3]), LIMIT_S)
    _raise_alert(warehouse, present_moment(), "gas_flow_mcf_low")
    assert len(httpserver.log) == 4


def _require(met: bool) -> None:
    assert met


def test_a_process_that_dies_between_sending_and_marking_sends_again_with_the_same_id(
    home: Path, warehouse: Warehouse, httpserver: HTTPServer
) -> None:
    """The receiver kills the sender while it waits for the answer: the message has arrived, and nothing is marked."""
    watching: list[subprocess.Popen[str]] = []

    def kill(_: Request) -> Response:
        watching[0].kill()
        watching[0].wait(timeout=LIMIT_S)
        return Response()

    httpserver.expect_oneshot_request("/hook").respond_with_handler(kill)
    environment = surroundings(_environment(home, hook=httpserver.url_for("/hook")))
    command = [str(ALTAVIZ), "notify", "--watch", "--json", "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment) as process:
        watching.append(process)
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"channels": ["hook"]}
        _raise_alert(warehouse, present_moment())
        assert process.wait(timeout=LIMIT_S) == -signal.SIGKILL
    eventually(lambda: _require(len(httpserver.log) == 1), LIMIT_S)
    with warehouse.connection() as connection:
        row = connection.execute("SELECT attempts, delivered_at, due_at > now() FROM outbox").fetchone()
        connection.execute("UPDATE outbox SET due_at = now()")  # the lease is over
    assert row == (1, None, True)
    httpserver.expect_request("/hook").respond_with_data("")
    assert _notify(_settings(home, hook=httpserver.url_for("/hook")))["channels"]["hook"]["sent"] == 1
    assert len({request.headers["webhook-id"] for request, _ in httpserver.log}) == 1


def test_the_watch_ends_on_a_signal(home: Path, warehouse: Warehouse) -> None:
    environment = surroundings(_environment(home, dead="http://127.0.0.1:9/hook"))
    command = [str(ALTAVIZ), "notify", "--watch", "--json", "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=LIMIT_S) == 0


def test_a_signal_that_another_thread_gets_ends_the_watch_too(home: Path, warehouse: Warehouse) -> None:
    """The system may give it to any thread, and one that arrives before the main thread waits is as good as that."""
    before = {stop: signal.getsignal(stop) for stop in (signal.SIGINT, signal.SIGTERM)}
    sender = threading.Timer(0.2, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM))
    try:
        with pytest.raises(SystemExit):
            keep_notifying(_settings(home, dead="http://127.0.0.1:9/hook"), sender.start)
    finally:
        sender.join()
        for stop, handler in before.items():
            signal.signal(stop, handler)
