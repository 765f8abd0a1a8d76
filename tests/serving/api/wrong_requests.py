"""Requests that the service must refuse, each with the field that its answer must name.

Their fleet has C-1, and no C-9.
"""

from __future__ import annotations

from typing import Any

from features.contract import FEATURES, WINDOW_STEPS
from serving.api.window_tables import TABLES

SCORE, PREDICT, FLEET_PATH, COMPRESSOR_PATH = "/v1/score", "/v1/predict", "/v1/fleet", "/v1/compressors/C-1"
ORDERS_PATH = "/v1/work-orders"
ALERTS_PATH, ALERT = "/v1/alerts", "C-1~never_raised~20260302T060000Z"
EVERY_PATH = (FLEET_PATH, "/livez", "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/nowhere")
Wrong = tuple[str, str, dict[str, Any], str]  # method, path, what httpx sends, the field that the answer names


def window(value: float = 1.0) -> list[list[float]]:
    """A window as /v1/predict takes it."""
    return [[value] * len(FEATURES) for _ in range(WINDOW_STEPS)]


def _json(path: str, body: Any, field: str) -> Wrong:
    return ("POST", path, {"json": body}, field)


def _text(path: str, body: bytes, field: str = "body") -> Wrong:
    return ("POST", path, {"content": body, "headers": {"content-type": "application/json"}}, field)


def _with(literal: str, step: int, feature: int) -> bytes:
    """A window as JSON text, with a literal that Python's own writer does not write."""
    values = [["1.0"] * len(FEATURES) for _ in range(WINDOW_STEPS)]
    values[step][feature] = literal
    return f'{{"windows": [[{",".join("[" + ",".join(row) + "]" for row in values)}]]}}'.encode()


def wrong_requests() -> list[Wrong]:
    """More than a hundred; none of them may change anything."""
    broken = (b"", b"  ", b"{", b"{'a': 1}", b"\xff\xfe", b'{"as_of": }', b"[1,", b"nonsense")
    not_objects = (b"[]", b"[{}]", b"1", b'"text"', b"null", b"true")
    ids: list[tuple[Any, str]] = [
        ([], "compressor_ids"),
        ("C-1", "compressor_ids"),
        ({}, "compressor_ids"),
        (3, "compressor_ids"),
        ([""], "compressor_ids[0]"),
        ([1], "compressor_ids[0]"),
        ([None], "compressor_ids[0]"),
        ([["C-1"]], "compressor_ids[0]"),
        (["C-1", "C-9"], "compressor_ids[1]"),
        (["c-1"], "compressor_ids[0]"),
        (["C-1", "C-1"], "compressor_ids[1]"),
        (["x" * 51], "compressor_ids[0]"),
        (["'; DROP TABLE ml_predictions; --"], "compressor_ids[0]"),
        ([f"C-{number}" for number in range(5001)], "compressor_ids"),
    ]
    moments = (
        "yesterday",
        "",
        5,
        True,
        [],
        {},
        "2026-13-01",
        "2026-02-30",
        "1999-12-31",
        "2100-01-01",
        "2099-12-31",
        "2020-01-01",
        "12:00",
    )
    windows: list[tuple[Any, str]] = [
        ([], "windows"),
        (None, "windows"),
        ("x", "windows"),
        ({}, "windows"),
        (1.0, "windows"),
        ([[]], "windows[0]"),
        ([None], "windows[0]"),
        (window(), "windows[0][0]"),
        ([window()[:23]], "windows[0]"),
        ([[*window(), window()[0]]], "windows[0]"),
        ([[row[:23] for row in window()]], "windows[0][0]"),
        ([[[*row, 1.0] for row in window()]], "windows[0][0]"),
        ([[window()]], "windows[0][0][0]"),
        ([[["1.0"] * 24] * 24], "windows[0][0][0]"),
        ([[[True] * 24] * 24], "windows[0][0][0]"),
        ([window(1e39)], "windows[0][0][0]"),
        ([window(), window(-1e300)], "windows[1][0][0]"),
        ([window()] * 513, "windows"),
    ]
    literals = [(literal, step, feature) for literal in ("NaN", "Infinity", "-Infinity") for step, feature in ((0, 0), (3, 7), (23, 23))]
    return [
        *(_text(path, body) for path in (SCORE, PREDICT) for body in broken),
        *(_text(path, body) for path in (SCORE, PREDICT) for body in not_objects),
        *(_json(SCORE, {"compressor_ids": value}, field) for value, field in ids),
        *(_json(SCORE, {"as_of": value}, "as_of") for value in moments),
        _json(SCORE, {"compressor": "C-1"}, "compressor"),
        _json(SCORE, {"as_of": "2026-03-09T12:00:00Z", "force": True}, "force"),
        *(_json(PREDICT, {"windows": value}, field) for value, field in windows),
        _json(PREDICT, {}, "windows"),
        _json(PREDICT, {"windows": [window()], "write": True}, "write"),
        *(_text(PREDICT, _with(literal, step, feature), f"windows[0][{step}][{feature}]") for literal, step, feature in literals),
        *(("GET", FLEET_PATH, {"params": {"as_of": text}}, "as_of") for text in ("now", "", "2026-99-01", "1999-01-01", "2099-12-31")),
        *(
            ("GET", path, {"params": {name: text}}, name)
            for path, name, text in (
                (FLEET_PATH, "compressor_id", "C-1"),
                (FLEET_PATH, "limit", "0"),
                (FLEET_PATH, "limit", "many"),
                (FLEET_PATH, "offset", "-1"),
                (FLEET_PATH, "sort", "rank; DROP TABLE view_rules"),
                (FLEET_PATH, "urgency", "urgent"),
                (FLEET_PATH, "station", "S\0"),
                (COMPRESSOR_PATH, "days", "0"),
                (COMPRESSOR_PATH, "days", "32"),
                (COMPRESSOR_PATH, "as_of", "2099-12-31"),
                (COMPRESSOR_PATH, "limit", "1"),
            )
        ),
        *(("GET", f"/v1/compressors/{name}", {}, "compressor_id") for name in ("C-9", "c-1", "%00", "C-1%27--", "x" * 300)),
        ("GET", "/v1/compressors/C-1/alerts", {}, "path"),
        ("GET", "/v1/compressors/", {}, "path"),
        ("DELETE", COMPRESSOR_PATH, {}, "method"),
        ("GET", f"{FLEET_PATH}?as_of=2026-03-09&as_of=2026-03-08", {}, "as_of"),
        *(("GET", ALERTS_PATH, {"params": {name: text}}, name) for name, text in (("state", "open"), ("limit", "1001"), ("sort", "rank"))),
        *(("GET", f"{ALERTS_PATH}/{name}", {}, "alert_id") for name in ("C-1", ALERT, f"{ALERT}0", "~~", "C-1%00~a~20260302T060000Z")),
        *(_json(f"{ALERTS_PATH}/{ALERT}/{act}", {}, "alert_id") for act in ("acknowledge", "unshelve", "close")),
        _json(f"{ALERTS_PATH}/{ALERT}/shelve", {"until": "2026-03-09"}, "reason"),
        _json(f"{ALERTS_PATH}/{ALERT}/shelve", {"until": "soon", "reason": "a"}, "until"),
        _json(f"{ALERTS_PATH}/{ALERT}/assign", {}, "to"),
        _json(f"{ALERTS_PATH}/{ALERT}/acknowledge", {"by": " "}, "by"),
        _json(f"{ALERTS_PATH}/{ALERT}/acknowledge", {"by": "A\0"}, "by"),
        _json(f"{ALERTS_PATH}/{ALERT}/acknowledge", {"to": "Ana"}, "to"),
        _json(f"{ALERTS_PATH}/{ALERT}/close", {"note": "x" * 2001}, "note"),
        _text(f"{ALERTS_PATH}/{ALERT}/close", b" " * 20_000),
        _json(f"{ALERTS_PATH}/{ALERT}/reopen", {}, "path"),
        ("GET", f"{ALERTS_PATH}/{ALERT}/close", {}, "method"),
        *(("GET", f"{ORDERS_PATH}/{name}", {}, "work_order_id") for name in ("WO-999999", "%00", "1'")),
        *(_json(f"{ORDERS_PATH}/WO-999999/{act}", {}, "work_order_id") for act in ("reopen", "cancel")),
        _json(f"{ORDERS_PATH}/WO-999999/complete", {"event_type": "failure", "event_date": "2026-03-09"}, "work_order_id"),
        _json(f"{ORDERS_PATH}/WO-999999/complete", {"event_type": "repair", "event_date": "2026-03-09"}, "event_type"),
        _json(f"{ORDERS_PATH}/WO-999999/complete", {"event_type": "failure"}, "event_date"),
        _json(ORDERS_PATH, {}, "compressor_id"),
        _json(ORDERS_PATH, {"compressor_id": "C-9"}, "compressor_id"),
        _json(ORDERS_PATH, {"compressor_id": "C-1", "priority": 0}, "priority"),
        _json(ORDERS_PATH, {"compressor_id": "C-1", "act_by": "soon"}, "act_by"),
        _json(ORDERS_PATH, {"compressor_id": "C-1", "title": "x" * 201}, "title"),
        ("PATCH", f"{ORDERS_PATH}/WO-999999", {"json": {"status": "completed"}}, "status"),
        ("GET", f"{ORDERS_PATH}/WO-999999?as_of=2026-03-09", {}, "query"),
        ("GET", ORDERS_PATH, {"params": {"status": "open"}}, "status"),
        ("DELETE", f"{ORDERS_PATH}/WO-999999", {}, "method"),
        *(
            ("POST", PREDICT, {"content": body, "headers": {"content-type": kind}}, "body")
            for kind in TABLES
            for body in (b"", b"nonsense", b"PAR1PAR1", b"{}")
        ),
        ("POST", SCORE, {"content": b"{}", "headers": {"content-type": TABLES[0]}}, "Content-Type"),
        ("POST", PREDICT, {"json": {"windows": [window()]}, "headers": {"Accept": "text/html"}}, "Accept"),
        *((method, SCORE, {}, "method") for method in ("GET", "PUT", "DELETE", "PATCH")),
        *((method, PREDICT, {}, "method") for method in ("GET", "PUT")),
        *((method, FLEET_PATH, {}, "method") for method in ("POST", "DELETE")),
        *(("GET", path, {}, "path") for path in ("/v1", "/v1/", "/v2/score", "/docs.json", "/v1/score/", "/v1/fleet/C-1", "/schema.json")),
        *(
            ("POST", SCORE, {"content": b"{}", "headers": {"content-type": kind}}, "Content-Type")
            for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "application/json; charset=latin-1")
        ),
        (
            "POST",
            SCORE,
            {"content": b"{}", "headers": {"content-type": "application/json", "content-encoding": "gzip"}},
            "Content-Encoding",
        ),
        ("POST", f"{SCORE}?as_of=now", {"json": {}}, "query"),
        _text(PREDICT, b" " * 9_000_000),
        _text(SCORE, b" " * 2_000_000),  # more than the ids of one request need
        _text(SCORE, b'{"compressor_ids": [' + b",".join([b'""'] * 250_000) + b"]}", "compressor_ids"),
        *(_text(path, b"{" + b",".join(b'"%x": 0' % name for name in range(100_000)) + b"}", "0") for path in (SCORE, PREDICT)),
        *(("GET", path, {"headers": {"Host": "rebound.example.com"}}, "Host") for path in EVERY_PATH),
        *(("GET", path, {"headers": {"Origin": "https://rebound.example.com"}}, "Origin") for path in EVERY_PATH),
        ("POST", SCORE, {"json": {}, "headers": {"Origin": "null"}}, "Origin"),
        ("POST", SCORE, {"json": {}, "headers": {"X-Forwarded-For": "192.0.2.1"}}, "x-forwarded-for"),
    ]
