"""No password in what a person, a log or a client of the service reads."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from config.errors import ModelError, RequestError
from config.logs import get_log, set_up_logs
from config.secrets import hide_passwords
from config.settings import load_settings


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("to http://me:pa55@mlflow.example:5000/api failed", "to http://me:***@mlflow.example:5000/api failed"),
        ("'postgresql+psycopg://u:a@b/c:d@db/x'", "'postgresql+psycopg://u:***@db/x'"),
        ("redis://:pa55@cache", "redis://:***@cache"),
        ("host=db password=pa55 user=u", "host=db password=*** user=u"),
        ("s3://lake?token=abc&secret=def&x=1", "s3://lake?token=***&secret=***&x=1"),
        ("host=db password='a b' user=u", "host=db password=*** user=u"),
        (r"password='it\'s a' user=u", "password=*** user=u"),
        ('token="a b", x', "token=***, x"),
        (r"password=a\b'c user=u", "password=***'c user=u"),
        (r'{"reason": "x \"password=abc\" y"}', r'{"reason": "x \"password=***\" y"}'),
        (r'{"reason": "x password=\"a b\" y"}', r'{"reason": "x password=*** y"}'),
        ('{"user": "u", "password": "a\\"b", "x": 1}', '{"user": "u", "password": "***", "x": 1}'),
        ("{'password': \"it's\", 'x': 1}", "{'password': \"***\", 'x': 1}"),
        (r'"{\"password\": \"abc\", \"x\": 1}"', r'"{\"password\": \"***\", \"x\": 1}"'),
        ("DB_PASSWORD=abc MLFLOW_TRACKING_TOKEN=abc", "DB_PASSWORD=*** MLFLOW_TRACKING_TOKEN=***"),
        ("password= is empty, 'token=' too; unexpected token: x", "password= is empty, 'token=' too; unexpected token: x"),
        ("http://127.0.0.1:3000/v1/fleet and a@b.example", "http://127.0.0.1:3000/v1/fleet and a@b.example"),
        ("key altaviz_abcdefgh23_" + "Ab-_9" * 8 + "xyz is refused", "key altaviz_abcdefgh23_*** is refused"),
        ("run altaviz_production_home and `altaviz keys list`", "run altaviz_production_home and `altaviz keys list`"),
        ("10:05 user@host, s3://lake/a:b", "10:05 user@host, s3://lake/a:b"),
    ],
)
def test_passwords_are_hidden_and_nothing_else(text: str, shown: str) -> None:
    assert hide_passwords(text) == shown
    assert hide_passwords(shown) == shown


def test_an_error_never_holds_a_password() -> None:
    assert str(ModelError("store http://u:pa55@h does not answer")) == "store http://u:***@h does not answer"
    assert str(RequestError(("uri", "no http://u:pa55@h"))) == "uri: no http://u:***@h"


def test_settings_show_no_variable(tmp_path: Path) -> None:
    assert "pa55" not in repr(load_settings(tmp_path, environ={"DB_PASSWORD": "pa55"}))


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    set_up_logs(tmp_path, to_stderr=False)
    yield tmp_path / "logs" / "altaviz.log"
    logger = logging.getLogger("altaviz")
    for handler in logger.handlers:
        handler.close()
    logger.handlers.clear()
    structlog.reset_defaults()


def test_a_logged_traceback_holds_no_password(log: Path) -> None:
    try:
        raise ConnectionError("cannot reach postgresql://u:pa55@db/x")
    except ConnectionError as error:
        get_log().error("unexpected failure", error=repr(error), exc_info=True)
    text = log.read_text(encoding="utf-8")
    assert "pa55" not in text
    assert "postgresql://u:***@db/x" in json.loads(text)["exception"]


def test_a_log_line_stays_json_with_its_passwords_hidden(log: Path) -> None:
    nested = {"reasons": ['x "password=abc" y', ("redis://:pa55@cache",)], "password": "pa55", "path": Path("a?token=pa55"), 1: 0.5}
    get_log().error("refused", reason='x "password=pa55" y', settings=nested)
    event = json.loads(log.read_text(encoding="utf-8"))
    assert event["reason"] == 'x "password=***" y'
    assert event["settings"] == {
        "reasons": ['x "password=***" y', ["redis://:***@cache"]],
        "password": "***",
        "path": "PosixPath('a?token=***')",
        "1": 0.5,
    }
