"""A service of its own home: it follows the champion under load, takes keys without a restart, and finishes what it has begun."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from config.loader import CONFIG_DIR
from config.settings import load_settings
from features.contract import CHAMPION, WINDOW_STEPS
from pipelines.operations.serve import _require_key
from serving.registry.client import Registry
from tests.folders import TemporaryDirectory
from tests.pipelines.console_script import altaviz, eventually, report_of
from tests.serving.api.home import AS_OF, FLEET, build_home, make_champion, query
from tests.serving.api.running import READY_LIMIT_S, Running, serving, wait_for
from tests.serving.api.wrong_requests import window
from tests.serving.gold import mean_model

ONE = {"compressor_ids": [next(iter(FLEET))], "as_of": AS_OF}


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with TemporaryDirectory(prefix="altaviz-") as folder:
        home = Path(folder)
        build_home(home)
        make_champion(home)
        (home / "config").mkdir()
        with serving(home, ALTAVIZ_CONFIG_DIR=str(_quick_to_look(home / "config"))) as running:
            yield running


def _quick_to_look(folder: Path) -> Path:
    """The shipped configuration, with less time between two looks."""
    for file in CONFIG_DIR.glob("*.yaml"):
        shutil.copy(file, folder)
    content = yaml.safe_load((folder / "serving.yaml").read_text(encoding="utf-8"))
    content["keys"]["check_s"] = content["champion"]["check_s"] = 0.2
    (folder / "serving.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder


@dataclass
class Load:
    """Requests of some threads, one after another in each, until they are told to end."""

    client: httpx.Client
    ended: threading.Event = field(default_factory=threading.Event)
    statuses: Counter[int] = field(default_factory=Counter)
    versions: set[str] = field(default_factory=set)

    def send(self) -> None:
        while not self.ended.is_set():
            for path, body in (("/v1/score", ONE), ("/v1/predict", {"windows": [window()]})):
                answer = self.client.post(path, json=body)
                self.statuses[answer.status_code] += 1
                self.versions.add(answer.json().get("model_version", answer.text))


def test_a_promotion_a_rollback_and_a_broken_champion_fail_no_request(running: Running) -> None:
    registry = Registry(load_settings(running.home, environ={}).tracking_uri)
    load = Load(running.client)
    threads = [threading.Thread(target=load.send) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        second = make_champion(running.home)
        _await_metrics(running, f'altaviz_model_info{{version="{second}"}} 1.0', "altaviz_champion_behind 0.0")
        registry.set_alias(CHAMPION, "1")
        _await_metrics(running, 'altaviz_model_info{version="1"} 1.0')
        make_champion(running.home, mean_model(steps=WINDOW_STEPS // 2))
        _await_metrics(running, 'altaviz_model_info{version="1"} 1.0', "altaviz_champion_behind 1.0")
        registry.set_alias(CHAMPION, second)
        _await_metrics(running, f'altaviz_model_info{{version="{second}"}} 1.0', "altaviz_champion_behind 0.0")
    finally:
        load.ended.set()
        for thread in threads:
            thread.join()
    assert (set(load.statuses), load.versions) == ({200}, {"1", second}), load.statuses
    log = (running.home / "logs" / "altaviz.log").read_text(encoding="utf-8")
    assert log.count('"event": "champion taken up"') == 3
    assert log.count('"event": "champion not taken up"') == 1


def _await_metrics(running: Running, *lines: str) -> None:
    def look() -> None:
        text = running.client.get("/metrics").text
        assert [line for line in lines if line not in text] == []
        assert text.count("altaviz_model_info{") == 1

    eventually(look, READY_LIMIT_S)


def _key(home: Path, *arguments: str) -> dict[str, Any]:
    return report_of("keys", *arguments, home=home)


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_keys_open_and_close_a_running_service_without_a_restart(running: Running) -> None:
    client, home = running.client, running.home
    assert client.get("/v1/fleet").status_code == 200  # before the first key
    made = {role: _key(home, "create", "--name", f"the {role}", "--role", role) for role in ("reader", "scorer")}
    wait_for(client, 401, path="/v1/fleet")

    reader, scorer = (_bearer(made[role]["key"]) for role in ("reader", "scorer"))
    for key in (reader, scorer):
        wait_for(client, 200, path="/v1/fleet", headers=key)
    refused = client.post("/v1/score", json=ONE, headers={**reader, "X-Request-ID": "refused-1"})
    assert (refused.status_code, refused.json()["request_id"]) == (403, "refused-1")
    assert "needs the role scorer" in refused.text
    assert client.post("/v1/score", json=ONE, headers={**scorer, "X-Request-ID": "scored-1"}).status_code == 200
    assert client.post("/v1/predict", json={"windows": [window()]}, headers=scorer).status_code == 200

    ids = {role: made[role]["key_id"] for role in made}
    rows = "SELECT request_id, key_id, actor, method, path, status FROM api_writes WHERE key_id IS NOT NULL ORDER BY written_at"
    assert query(home, rows) == [
        ("refused-1", ids["reader"], "the reader", "POST", "/v1/score", 403),
        ("scored-1", ids["scorer"], "the scorer", "POST", "/v1/score", 200),
    ]
    rotated = _key(home, "rotate", ids["scorer"], "--overlap", "1")
    wait_for(client, 200, path="/v1/fleet", headers=_bearer(rotated["key"]))
    assert client.get("/v1/fleet", headers=scorer).status_code == 200  # both, until the overlap ends
    _key(home, "revoke", ids["scorer"])
    wait_for(client, 401, path="/v1/fleet", headers=scorer)
    assert {key["key_id"]: (key["state"], key["last_used_at"] is not None) for key in _key(home, "list")["keys"]} == {
        ids["reader"]: ("usable", True),
        ids["scorer"]: ("revoked", True),
        rotated["key_id"]: ("usable", True),
    }
    _require_key(load_settings(home, environ={}), "0.0.0.0", is_reachable=True)  # a key of the table is enough
    listed = altaviz("keys", "list", home=home).stdout
    assert [key_id for key_id in (*ids.values(), rotated["key_id"]) if key_id not in listed] == []
    texts = [made["reader"]["key"], made["scorer"]["key"], rotated["key"]]
    assert [text for text in texts if text.split("_", 2)[2] in listed] == []
    shown = altaviz("keys", "create", "--name", "a visitor", "--role", "reader", "--expires", "1", home=home).stdout
    texts.append(shown.splitlines()[0])
    assert shown.count(texts[-1]) == 1
    assert "cannot be shown again" in shown
    _nothing_shows(home, client, [text.split("_", 2)[2] for text in texts], reader)


def _nothing_shows(home: Path, client: httpx.Client, secrets: list[str], headers: dict[str, str]) -> None:
    """Neither logs nor answers nor the database have a key."""
    shown = [path.read_text(encoding="utf-8") for path in (home / "logs").glob("*.log")]
    shown += [json.dumps(query(home, f"SELECT t::text FROM {table} t")) for table in ("api_keys", "api_writes")]
    shown += [client.get(path, headers=headers).text for path in ("/metrics", "/openapi.json", "/v1/nowhere")]
    assert [secret for secret in secrets for text in shown if secret in text] == []
    assert [text for text in shown if "Traceback" in text] == []


def test_a_service_that_is_told_to_end_finishes_its_requests_and_takes_no_more(running: Running) -> None:
    key = _key(running.home, "create", "--name", "the last one", "--role", "scorer")["key"]
    wait_for(running.client, 200, path="/v1/fleet", headers=_bearer(key))
    url, body = running.client.base_url, json.dumps(ONE).encode()
    head = f"POST /v1/score HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
    with socket.create_connection((url.host, url.port), timeout=60) as slow, slow.makefile("rb") as answer:
        slow.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:10])
        _await_metrics(running, "altaviz_requests_in_flight 2.0")  # it, and the one that reads the metrics
        running.process.send_signal(signal.SIGTERM)
        eventually(lambda: _is_closed((str(url.host), int(url.port or 0))), READY_LIMIT_S)
        slow.sendall(body[10:])
        text = answer.read()
    assert text.startswith(b"HTTP/1.1 200 "), text
    assert json.loads(text.partition(b"\r\n\r\n")[2])["rows_written"] == 0  # the same row as before
    assert running.process.wait(timeout=READY_LIMIT_S) == 0


def _is_closed(address: tuple[str, int]) -> None:
    try:
        socket.create_connection(address, timeout=60).close()
    except ConnectionRefusedError:
        return
    raise AssertionError("it still takes connections")
