"""The guard in front of a small app: roles, rates, request ids, and the record of writes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from config.logs import get_log, set_up_logs
from config.settings import Settings
from serving.access.keyring import Caller, StoredKey
from serving.access.keys import id_of
from serving.access.roles import ROLES, Role
from serving.access.stored import ApiWrite
from serving.api.access import Access
from serving.api.exchange import exchange_of
from serving.api.metrics import Metrics
from serving.api.middleware import HttpGuard
from serving.api.routes.table import Route
from tests.serving.api.keyrings import keyring_of

BOOTSTRAP = "vNq3T0fWJm8yZsQ1xRk7Lc5HdU2pGb9E"  # nobody's
FEW = 3  # requests a minute
READ, SCORE, PREDICT, PLAN = "/v1/read", "/v1/score", "/v1/predict", "/v1/plan/{number}"
ROUTES = (
    Route(READ, ("GET",), "reader"),
    Route(SCORE, ("POST",), "scorer", takes_json=True),
    Route(PREDICT, ("POST",), "scorer", takes_json=True, writes=False),
    Route(PLAN, ("PATCH",), "planner", takes_json=True),
    Route("/open", ("GET",)),
)


def key_of(number: int, role: Role, rate: int = 1000) -> tuple[str, StoredKey]:
    """A key and what the table has of it."""
    text = f"altaviz_aaaaaaaaa{number}_{str(number) * 43}"
    caller = Caller(id_of(text), f"the {role}", role, rate)
    return text, StoredKey(caller, hashlib.sha256(text.encode()).digest(), None, None)


KEYS = {role: key_of(number, role) for number, role in enumerate(ROLES, start=2)}
SELDOM = key_of(9, "admin", FEW)


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what a route sees. A body may name a person, a status and an error."""
    request = Request(scope, receive)
    body = json.loads(await request.body() or b"{}")
    exchange = exchange_of(request)
    if body.get("fails"):
        raise RuntimeError("password=secret of the database")
    get_log().info("seen", by=exchange.acting(body.get("by")))
    exchange.details.update(body.get("details", {}))
    await JSONResponse({"by": exchange.recorded_actor, "role": exchange.caller.role}, body.get("status", 200))(scope, receive, send)


class Guarded:
    """The app behind the guard, and what was recorded."""

    def __init__(self, settings: Settings, bootstrap: str | None = BOOTSTRAP, **changes: Any) -> None:
        self.written: list[ApiWrite] = []
        self.metrics = Metrics()
        stored = [stored for _, stored in (*KEYS.values(), SELDOM)] if bootstrap else []
        limits = settings.serving.limits.model_copy(update=changes)
        access = Access(keyring_of(bootstrap, *stored), frozenset())
        self._guard = HttpGuard(_app, routes=ROUTES, limits=limits, access=access, metrics=self.metrics, record=self.written.append)

    def ask(self, method: str, path: str, key: str = "", **sent: Any) -> httpx.Response:
        """One request, its answer."""
        return self.ask_all([(method, path, key, sent)])[0]

    def ask_all(self, requests: list[tuple[str, str, str, dict[str, Any]]]) -> list[httpx.Response]:
        """Requests one after another."""

        async def all_of_them() -> list[httpx.Response]:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self._guard), base_url="http://localhost") as client:
                return [
                    await client.request(method, path, **{**sent, "headers": {"X-API-Key": key, **sent.get("headers", {})}})
                    for method, path, key, sent in requests
                ]

        return asyncio.run(all_of_them())


@pytest.fixture
def guarded(settings: Settings) -> Guarded:
    return Guarded(settings)


@pytest.mark.parametrize(
    ("role", "statuses"),
    [
        ("reader", (200, 403, 403, 403)),
        ("scorer", (200, 200, 200, 403)),
        ("planner", (200, 403, 403, 200)),
        ("admin", (200, 200, 200, 200)),
    ],
)
def test_a_role_may_do_what_its_routes_need_and_the_refusal_names_the_role_needed(
    guarded: Guarded, role: str, statuses: tuple[int, ...]
) -> None:
    key = KEYS[role][0]
    asked = (("GET", READ, {}), ("POST", SCORE, {"json": {}}), ("POST", PREDICT, {"json": {}}), ("PATCH", "/v1/plan/7", {"json": {}}))
    answers = guarded.ask_all([(method, path, key, sent) for method, path, sent in asked])
    assert tuple(answer.status_code for answer in answers) == statuses
    needed = ("reader", "scorer", "scorer", "planner")
    for answer, least in zip(answers, needed, strict=True):
        if answer.status_code == 403:
            reason = f"is of a key with the role {role}; this route needs the role {least}"
            assert answer.json()["errors"] == [{"field": "Authorization", "detail": reason}]


def test_writes_are_recorded_with_person_and_status_also_refused_ones(guarded: Guarded) -> None:
    reader, planner = KEYS["reader"], KEYS["planner"]
    guarded.ask_all(
        [
            ("PATCH", "/v1/plan/7", planner[0], {"json": {"by": "Anna", "details": {"rows": 2}}, "headers": {"X-Request-ID": "r-1"}}),
            ("PATCH", "/v1/plan/8", planner[0], {"json": {"status": 409}, "headers": {"X-Request-ID": "r-2"}}),
            ("POST", SCORE, reader[0], {"json": {"by": "Ben"}, "headers": {"X-Request-ID": "r-3"}}),
            ("PATCH", "/v1/plan/9", planner[0], {"content": b"x", "headers": {"X-Request-ID": "r-4"}}),
            ("PATCH", "/v1/plan/9", planner[0], {"json": {"fails": True}, "headers": {"X-Request-ID": "r-5"}}),
            ("POST", SCORE, BOOTSTRAP, {"json": {}, "headers": {"X-Request-ID": "r-6"}}),
        ]
    )
    ids = {role: stored.caller.key_id for role, (_, stored) in KEYS.items()}
    assert guarded.written == [
        ApiWrite("r-1", ids["planner"], "Anna", "PATCH", "/v1/plan/7", 200, {"rows": 2}),
        ApiWrite("r-2", ids["planner"], "the planner", "PATCH", "/v1/plan/8", 409, {}),
        ApiWrite("r-3", ids["reader"], "the reader", "POST", SCORE, 403, {}),
        ApiWrite("r-4", ids["planner"], "the planner", "PATCH", "/v1/plan/9", 415, {}),
        ApiWrite("r-5", ids["planner"], "the planner", "PATCH", "/v1/plan/9", 500, {}),
        ApiWrite("r-6", None, "environment", "POST", SCORE, 200, {}),
    ]


def test_what_writes_nothing_and_what_strangers_send_is_not_recorded(guarded: Guarded) -> None:
    planner = KEYS["planner"][0]
    answers = guarded.ask_all(
        [
            ("GET", READ, planner, {}),
            ("POST", PREDICT, KEYS["scorer"][0], {"json": {}}),
            ("GET", "/open", "", {}),
            ("POST", SCORE, "", {"json": {}}),
            ("POST", SCORE, "altaviz_wrong", {"json": {}}),
            ("DELETE", "/v1/plan/7", planner, {}),
            ("POST", "/v1/nowhere", planner, {}),
        ]
    )
    assert [answer.status_code for answer in answers] == [200, 200, 200, 401, 401, 405, 404]
    assert guarded.written == []


def test_without_keys_the_caller_is_local_with_every_right(settings: Settings) -> None:
    guarded = Guarded(settings, bootstrap=None)
    assert guarded.ask("POST", SCORE, json={}).json() == {"by": "local", "role": "admin"}
    assert [(write.key_id, write.actor) for write in guarded.written] == [(None, "local")]


def test_a_key_above_its_rate_waits_and_takes_nothing_from_others(guarded: Guarded) -> None:
    seldom = ("GET", READ, SELDOM[0], {})
    answers = guarded.ask_all([seldom] * (FEW + 2) + [("GET", READ, KEYS["reader"][0], {}), ("GET", "/open", SELDOM[0], {})])
    assert [answer.status_code for answer in answers] == [200] * FEW + [429] * 2 + [200, 200]
    refused = answers[FEW]
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["detail"].startswith(f"this key may send {FEW} requests a minute")


def test_a_write_above_the_rate_is_neither_done_nor_recorded(guarded: Guarded) -> None:
    write = ("POST", SCORE, SELDOM[0], {"json": {}})
    answers = guarded.ask_all([write] * (FEW + 3))
    assert [answer.status_code for answer in answers] == [200] * FEW + [429] * 3
    assert len(guarded.written) == FEW


def test_strangers_who_name_a_key_use_up_nothing_of_it_and_leave_no_counter(guarded: Guarded) -> None:
    guess = SELDOM[0][:-1] + "x"
    answers = guarded.ask_all([("GET", READ, guess, {})] * 20 + [("GET", READ, "", {})] * 20 + [("GET", READ, SELDOM[0], {})] * FEW)
    assert [answer.status_code for answer in answers] == [401] * 40 + [200] * FEW
    assert len(guarded._guard._rates._limiter.storage.events) == 1  # type: ignore[attr-defined]


def test_a_full_service_answers_503_with_the_time_to_retry_and_records_nothing(settings: Settings) -> None:
    guarded = Guarded(settings, most_in_flight=1)
    guarded._guard._in_flight = 1
    refused = guarded.ask("POST", SCORE, KEYS["admin"][0], json={})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert guarded.written == []


@pytest.mark.parametrize("given", ["r-1", "A.b_c-9", "x" * 64])
def test_a_plain_request_id_comes_back(guarded: Guarded, given: str) -> None:
    assert guarded.ask("GET", READ, KEYS["reader"][0], headers={"X-Request-ID": given}).headers.get_list("x-request-id") == [given]


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", 'a"b', "é", "a/b", "<b>"])
def test_any_other_request_id_is_replaced(guarded: Guarded, given: str) -> None:
    answer = guarded.ask("GET", READ, KEYS["reader"][0], headers={"X-Request-ID": given.encode()})
    assert len(answer.headers["x-request-id"]) == 32
    assert guarded.ask("GET", READ).headers["x-request-id"] != answer.headers["x-request-id"]


def test_every_problem_and_every_log_line_of_a_request_has_its_id_and_no_secret(
    guarded: Guarded, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs(settings.home, to_stderr=True)
    admin = KEYS["admin"][0]
    requests: list[tuple[str, str, str, dict[str, Any]]] = [
        ("GET", READ, "wrong", {}),
        ("GET", READ, admin[:-1] + "x", {}),
        ("GET", "/nowhere", admin, {}),
        ("POST", SCORE, KEYS["reader"][0], {"json": {}}),
        ("POST", SCORE, admin, {"content": b"{}"}),
        ("POST", SCORE, admin, {"json": {"fails": True}}),
        *[("GET", READ, SELDOM[0], {})] * (FEW + 1),
        ("POST", SCORE, admin, {"json": {"by": "Anna"}}),
    ]
    numbered = [
        (method, path, key, {**sent, "headers": {"X-Request-ID": f"r-{number}"}})
        for number, (method, path, key, sent) in enumerate(requests)
    ]
    try:
        answers = guarded.ask_all(numbered)
    finally:
        for handler in logging.getLogger("altaviz").handlers:
            handler.close()
        logging.getLogger("altaviz").handlers.clear()
    assert {answer.status_code for answer in answers} == {200, 401, 403, 404, 415, 429, 500}
    for number, answer in enumerate(answers):
        assert answer.headers["x-request-id"] == f"r-{number}"
        if answer.status_code >= 400:
            assert answer.json()["request_id"] == f"r-{number}"
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {line["event"]: line["request_id"] for line in lines} == {"seen": "r-10", "unexpected failure": "r-5"}
    shown = json.dumps(lines) + "".join(answer.text for answer in answers)
    secrets = [text.split("_", 2)[2] for text, _ in (*KEYS.values(), SELDOM)]
    assert [text for text in (*secrets, "password=secret", BOOTSTRAP) if text in shown] == []
    assert "Traceback" not in shown
    assert lines[0]["where"].startswith("test_guard.py:")
