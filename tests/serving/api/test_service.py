"""`altaviz serve` in a process of its own: readiness, refusals, keys and connections."""

from __future__ import annotations

import gc
import json
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from config.errors import NotReadyError
from config.settings import load_settings
from serving.api import service as service_module
from serving.api.backend import Backend, ServiceParts
from serving.api.champion import ChampionSource
from tests.conftest import PROJECT
from tests.folders import TemporaryDirectory
from tests.pipelines.console_script import refusal_of
from tests.serving.api.home import AS_OF, build_home, make_champion, query
from tests.serving.api.running import Running, serving, wait_for
from tests.serving.api.wrong_requests import FLEET_PATH, wrong_requests


def test_health_metrics_and_description_are_there(service: Running) -> None:
    for path in ("/livez", "/healthz", "/readyz"):
        assert service.client.get(path).status_code == 200
    service.score(as_of=AS_OF)
    assert "altaviz" in service.client.get("/metrics").text
    paths = service.client.get("/openapi.json").json()["paths"]
    assert {"/v1/score", "/v1/predict", "/v1/fleet", "/readyz", "/metrics"} <= paths.keys()


def test_a_hundred_wrong_requests_name_which_field_is_wrong_and_change_nothing(service: Running) -> None:
    requests = wrong_requests()
    assert len(requests) >= 100
    before = query(service.home, "SELECT count(*) FROM ml_predictions")
    unnamed = []
    for method, path, sent, field in requests:
        answer = service.client.request(method, path, **sent)
        exchange = f"{method} {path} {str(sent)[:200]} -> {answer.status_code} {answer.text[:300]}"
        assert 400 <= answer.status_code < 500, exchange
        assert answer.headers["content-type"] == "application/problem+json", exchange
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert "Traceback" not in answer.text
        if field not in [error["field"] for error in problem["errors"]]:
            unnamed.append(exchange)
    assert unnamed == []
    assert query(service.home, "SELECT count(*) FROM ml_predictions") == before
    assert service.client.get("/readyz").status_code == 200


def test_without_a_champion_the_service_is_alive_but_not_ready_until_there_is_one() -> None:
    with TemporaryDirectory(prefix="altaviz-") as folder:
        home = Path(folder)
        build_home(home)
        with serving(home, until=503) as running:
            assert running.client.get("/livez").status_code == 200
            unready = wait_for(running.client, 503, saying="run `altaviz train`")
            assert (unready.headers["content-type"], unready.headers["retry-after"]) == ("application/problem+json", "1")
            assert running.client.head("/readyz").status_code == 503
            refused = wait_for(running.client, 503, "POST", "/v1/score", "run `altaviz train`", json={"as_of": AS_OF})
            assert refused.headers["content-type"] == "application/problem+json"
            make_champion(home)
            wait_for(running.client, 200)
            assert running.score(as_of=AS_OF)["model_version"] == "1"


def test_what_is_there_when_it_has_warmed_up_is_not_searched_for_garbage_any_more(tmp_path: Path) -> None:
    def missing(*_: object) -> Any:
        raise NotReadyError("nothing is there")

    backend = Backend(
        ServiceParts(ChampionSource(missing, missing), missing, missing, missing, missing, missing, missing),
        load_settings(tmp_path, environ={}).serving,
        timedelta(0),
    )
    try:
        service_module._warm_up(backend)
        assert gc.get_freeze_count() > 100 * len(gc.get_objects())
    finally:
        gc.unfreeze()


KEY = "vNq3T0fWJm8yZsQ1xRk7Lc5HdU2pGb9E"  # nobody's


def test_with_a_key_every_request_must_carry_it_and_name_the_service(service: Running) -> None:
    with serving(service.home, until=200, ALTAVIZ_API_KEY=KEY, ALTAVIZ_HOSTS="altaviz.example.com") as running:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": KEY}, {"X-API-Key": KEY[:-1]}):
            refused = running.client.get("/v1/fleet", headers=headers)
            assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
        for headers in ({"Authorization": f"Bearer {KEY}"}, {"X-API-Key": KEY}, {"X-API-Key": KEY, "Host": "altaviz.example.com"}):
            assert running.client.get("/v1/fleet", headers=headers).status_code == 200
        for path in (FLEET_PATH, "/livez", "/metrics", "/openapi.json"):
            refused = running.client.get(path, headers={"X-API-Key": KEY, "Host": "rebound.example.com"})
            assert (refused.status_code, refused.json()["errors"][0]["field"]) == (421, "Host")
        assert running.client.get("/livez").status_code == 200
        _open_one_too_many(running)
        assert running.client.get(FLEET_PATH, headers={"X-API-Key": KEY}).status_code == 200


def _open_one_too_many(running: Running) -> None:
    """One silent connection more than the limit: the first is closed, long before its timeout."""
    url = running.client.base_url
    most = load_settings(running.home, environ={}).serving.limits.most_connections
    with ExitStack() as opened:
        silent = [opened.enter_context(socket.create_connection((url.host, url.port), timeout=60)) for _ in range(most + 1)]
        started = time.monotonic()
        assert silent[0].recv(1) == b""
        assert time.monotonic() - started < 5


def test_what_is_no_http_request_is_a_problem_too(service: Running) -> None:
    url = service.client.base_url
    for text in (b"nonsense\r\n\r\n", b"GET /livez HTTP/1.1\r\n\r\n", b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"):
        with socket.create_connection((url.host, url.port), timeout=60) as opened, opened.makefile("rb") as answer:
            opened.sendall(text)
            head, _, body = answer.read().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ")
        assert b"application/problem+json" in head
        assert json.loads(body)["status"] == 400


def test_an_address_that_others_can_reach_needs_a_key(service: Running) -> None:
    line = refusal_of("serve", "--host", "0.0.0.0", "--port", "0", home=service.home)  # the point of the test
    cure = "set ALTAVIZ_API_KEY or make a key with `altaviz keys create`"
    assert line == f"host 0.0.0.0 can be reached from other computers: {cure}, or listen on 127.0.0.1"
    named = refusal_of("serve", "--port", "0", home=service.home, ALTAVIZ_HOSTS="altaviz.example.com")
    assert named == f"ALTAVIZ_HOSTS lets other machines in: {cure}, or remove ALTAVIZ_HOSTS"


def test_a_taken_port_is_one_line(service: Running) -> None:
    port = str(service.client.base_url.port)
    assert refusal_of("serve", "--port", port, home=service.home).startswith(f"cannot listen on 127.0.0.1 port {port}")


def test_importing_the_service_loads_neither_spark_nor_tensorflow() -> None:
    code = (
        "import sys, serving.api.service, serving.api.backend;"
        "print([name for name in ('pyspark', 'delta', 'tensorflow', 'keras', 'tf2onnx', 'training') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_extra_installs_alone_and_is_all_that_the_service_needs(service: Running, tmp_path: Path) -> None:
    uv, python = Path(sys.executable).with_name("uv"), tmp_path / "venv" / "bin" / "python"
    install = [uv, "pip", "install", "--quiet", "--python", python, "--constraint", PROJECT / "requirements.lock"]
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv"],
        [*install, "--requirement", PROJECT / "pyproject.toml", "--extra", "serving"],
    ):
        subprocess.run(command, check=True, cwd=tmp_path)
    absent = "import importlib.util as u; print([n for n in ('pyspark', 'delta', 'tensorflow', 'tf2onnx', 'evidently') if u.find_spec(n)])"
    assert subprocess.run([python, "-c", absent], capture_output=True, text=True, check=True, cwd=tmp_path).stdout.strip() == "[]"
    with serving(service.home, program=(str(python), "-m", "pipelines.cli"), PYTHONPATH=str(PROJECT)) as running:
        assert running.score(compressor_ids=["C-1"], as_of=AS_OF)["predictions"][0]["rul_days"] == 5.0
