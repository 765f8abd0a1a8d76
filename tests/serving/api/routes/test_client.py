"""The client against a real service: the examples of its page, and its errors."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from serving.api.service import ROUTES
from serving.client.client import AltavizClient
from serving.client.errors import BusyError, RefusedError, UnknownIdError, UnreachableError, WrongRequestError, WrongStateError, refusal_of
from serving.messages.alerts import AlertQuery
from serving.messages.fields import MomentQuery
from serving.messages.fleet import FleetQuery
from serving.messages.work_orders import DraftWorkOrderRequest, ExportWorkOrderRequest
from tests.conftest import PROJECT
from tests.serving.api.home import NOW
from tests.serving.api.planner import planners_service
from tests.serving.api.running import Running

PAGE = (PROJECT / "docs" / "how-to" / "api-client.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def planner(service: Running) -> Iterator[Running]:
    with planners_service(service) as running:
        yield running


@pytest.fixture
def client(planner: Running) -> Iterator[AltavizClient]:
    with AltavizClient(str(planner.client.base_url)) as opened:
        yield opened


def test_the_examples_of_the_page_run(planner: Running, capsys: pytest.CaptureFixture[str]) -> None:
    text = "".join(EXAMPLES).replace("http://127.0.0.1:3000", str(planner.client.base_url))
    names: dict[str, Any] = {}
    exec(compile(text.replace("COMP-007", "C-1"), "api-client.md", "exec"), names)
    printed = capsys.readouterr().out
    assert printed.startswith("True\n1 critical compressors at 2026-03-09 12:00:00+00:00\n1 C-1 5.0 2026-03-12")
    assert "vibration_mms" in printed
    assert "completed" in printed
    assert "shelved ['shelve', 'unshelve', 'assign']" in printed
    assert printed.endswith("404 Not Found: compressor_id: is not a compressor in service\n")


def test_every_route_has_a_method(planner: Running, client: AltavizClient) -> None:
    called: set[tuple[str, str]] = set()

    def note(request: Any) -> None:
        called.add((request.method, request.url.path))

    client._http.event_hooks = {"request": [note]}
    alert = client.alerts().alerts[0].alert_id
    client.fleet()
    client.compressor("C-1")
    client.waiting("C-1", MomentQuery(as_of=NOW))
    client.score(["C-1"], NOW)
    client.predict([[[1.0] * 24] * 24])
    client.alert(alert)
    client.assign(alert, None)
    client.shelve(alert, NOW + timedelta(hours=1), "later")
    client.unshelve(alert)
    client.acknowledge(alert)
    with pytest.raises(WrongStateError):
        client.close_alert(alert)
    number = client.draft_work_order(DraftWorkOrderRequest(compressor_id="C-1")).work_order.work_order_id
    client.work_orders()
    client.work_order(number)
    client.work_order_file(number)
    client.export_work_order(number, ExportWorkOrderRequest(format="sap"))
    client.cancel_work_order(number)
    with pytest.raises(WrongStateError):
        client.reopen_work_order(number)
    paths = {path.replace(alert, "{alert_id}").replace(number, "{work_order_id}").replace("C-1", "{compressor_id}") for _, path in called}
    wanted = {route.path for route in ROUTES if route.path.startswith("/v1/")}
    assert wanted - paths == {"/v1/work-orders/{work_order_id}/complete"}  # the page's example has it


def test_answers_are_typed_and_questions_carry_only_what_is_asked(client: AltavizClient) -> None:
    fleet = client.fleet(FleetQuery(as_of=NOW, sort="compressor_id", limit=1, offset=1))
    assert (fleet.as_of, fleet.is_replay, fleet.total, fleet.compressors[0].compressor_id) == (NOW, True, 4, "C-2")
    (alert,) = client.alerts(AlertQuery(severity="critical")).alerts
    assert (alert.compressor_id, alert.raised_at) == ("C-1", NOW - timedelta(hours=2))
    assert client.alert(alert.alert_id).allowed == ["acknowledge", "shelve", "assign"]


def test_a_refusal_names_the_field_and_an_unknown_id_is_an_error_of_its_own(client: AltavizClient) -> None:
    with pytest.raises(WrongRequestError, match="compressor_ids") as refused:
        client.score(["C-9"])
    assert [problem.field for problem in refused.value.problem.errors] == ["compressor_ids[0]"]
    for identifier in ("C-9", "../fleet", "a/b", "?as_of=x", "%00"):
        with pytest.raises(UnknownIdError):
            client.compressor(identifier)
    assert refused.value.problem.request_id


def test_a_busy_service_tells_when_to_come_again_and_a_stranger_between_is_told_apart() -> None:
    request = httpx.Request("GET", "http://127.0.0.1:9/v1/fleet")
    busy = refusal_of(
        httpx.Response(
            429, headers={"retry-after": "7"}, json={"title": "a", "status": 429, "detail": "b", "request_id": "c"}, request=request
        )
    )
    assert (type(busy), busy.retry_after_s) == (BusyError, 7.0)  # type: ignore[comparison-overlap]
    strange = refusal_of(httpx.Response(502, text="<html>", request=request))
    assert (type(strange), strange.status, strange.retry_after_s) == (RefusedError, 502, None)


def test_no_service_is_one_error_that_names_the_address() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with AltavizClient(url) as client, pytest.raises(UnreachableError, match=f"{url} does not answer"):
        client.fleet()


def test_importing_the_client_loads_nothing_heavy() -> None:
    heavy = ("numpy", "polars", "psycopg", "fastapi", "starlette", "mlflow", "onnxruntime", "bentoml", "yaml", "structlog", "pandas")
    code = f"import sys, serving.client.client; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert done.stdout.strip() == "[]"
