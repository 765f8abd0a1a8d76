"""Delivery to real receivers: down and back, slow, refusing, and a sender that dies between sending and marking."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook, WebhookVerificationError

from config.errors import ConfigError
from config.sections.planner.notifications import DeliverySection, NotificationsConfig
from serving.notifications.channels import open_channels
from serving.notifications.delivery import Delivered, claim, deliver, give_up_strays, read_waiting, try_again, wait_s
from serving.notifications.outbox import enqueue
from serving.warehouse.connection import Warehouse
from tests.serving.notifications.conftest import SECRET, Inbox, channels

NEWS = {
    "compressor_id": "COMP-007",
    "severity": "critical",
    "change": "raised",
    "message": "vibration 8.5 mm/s is at or above critical 8",
    "details": {"severity": "critical"},
}


def _webhook(url: str) -> NotificationsConfig:
    return channels(hook={"kind": "webhook", "url": url, "secret": SECRET})


def _put(warehouse: Warehouse, *subjects: str, channel: str = "hook", payload: dict[str, Any] = NEWS) -> None:
    with warehouse.connection() as connection:
        for subject in subjects:
            assert enqueue(connection, channel, "alert.raised", subject, payload)


def _deliver(warehouse: Warehouse, config: NotificationsConfig, channel: str = "hook") -> Delivered:
    return deliver(warehouse, channel, open_channels(config)[channel], config.delivery)


def _all_due(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        connection.execute("UPDATE outbox SET due_at = now()")


def _outbox(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """Subject, attempts, delivered, given up, by subject."""
    query = "SELECT subject_key, attempts, delivered_at IS NOT NULL, given_up_at IS NOT NULL FROM outbox ORDER BY subject_key"
    with warehouse.connection() as connection:
        return connection.execute(query).fetchall()


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_a_message_is_kept_once_for_a_channel_topic_and_subject(empty_outbox: Warehouse) -> None:
    with empty_outbox.connection() as connection:
        assert [enqueue(connection, "hook", "alert.raised", "a", NEWS) for _ in range(2)] == [True, False]
        assert enqueue(connection, "other", "alert.raised", "a", NEWS)


def test_a_webhook_is_signed_and_carries_the_message_and_its_id(empty_outbox: Warehouse, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook", method="POST").respond_with_data("")
    _put(empty_outbox, "a")
    assert _deliver(empty_outbox, _webhook(httpserver.url_for("/hook"))) == Delivered(sent=1)
    ((request, _),) = httpserver.log
    document = Webhook(SECRET).verify(request.get_data(), dict(request.headers))
    assert (document["type"], document["data"]) == ("alert.raised", NEWS)
    with empty_outbox.connection() as connection:
        assert connection.execute("SELECT message_id::text FROM outbox").fetchone() == (request.headers["webhook-id"],)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "B" * 32).verify(request.get_data(), dict(request.headers))
    assert _outbox(empty_outbox) == [("a", 1, True, False)]
    _all_due(empty_outbox)
    assert _deliver(empty_outbox, _webhook(httpserver.url_for("/hook"))) == Delivered()


def test_while_a_receiver_is_down_nothing_is_lost_and_a_round_tries_once(
    empty_outbox: Warehouse, httpserver: HTTPServer, closed_port: int
) -> None:
    _put(empty_outbox, "a", "b")
    down = _webhook(f"http://127.0.0.1:{closed_port}/hook")
    assert _deliver(empty_outbox, down) == Delivered(failed=1)
    assert _outbox(empty_outbox) == [("a", 1, False, False), ("b", 0, False, False)]
    with empty_outbox.connection() as connection:
        (waiting,) = read_waiting(connection)
    assert (waiting.channel, waiting.waiting, waiting.given_up) == ("hook", 2, 0)
    assert waiting.last_error is not None
    assert waiting.last_error.startswith("not reached: ConnectError")
    httpserver.expect_request("/hook").respond_with_data("")
    back = _webhook(httpserver.url_for("/hook"))
    assert _deliver(empty_outbox, back) == Delivered(sent=1)  # the other one waits for its time
    _all_due(empty_outbox)
    assert _deliver(empty_outbox, back) == Delivered(sent=1)
    assert _outbox(empty_outbox) == [("a", 2, True, False), ("b", 1, True, False)]


def test_a_message_that_the_receiver_refuses_holds_up_no_other(empty_outbox: Warehouse, httpserver: HTTPServer) -> None:
    _put(empty_outbox, "a", "b", "c")
    httpserver.expect_ordered_request("/hook").respond_with_data("", status=400)
    for _ in range(2):
        httpserver.expect_ordered_request("/hook").respond_with_data("")
    assert _deliver(empty_outbox, _webhook(httpserver.url_for("/hook"))) == Delivered(sent=2, failed=1)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(empty_outbox: Warehouse, httpserver: HTTPServer, status: int) -> None:
    _put(empty_outbox, "a")
    httpserver.expect_request("/hook").respond_with_data("", status=status, headers={"Location": httpserver.url_for("/elsewhere")})
    assert _deliver(empty_outbox, _webhook(httpserver.url_for("/hook"))) == Delivered(failed=1)
    assert [request.path for request, _ in httpserver.log] == ["/hook"]
    with empty_outbox.connection() as connection:
        assert "a redirect is not followed" in str(read_waiting(connection)[0].last_error)


def test_a_receiver_that_never_answers_costs_one_time_out(empty_outbox: Warehouse) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        config = _webhook(f"http://127.0.0.1:{silent.getsockname()[1]}/hook")
        rules = config.delivery.model_copy(update={"timeout_s": 0.05})
        _put(empty_outbox, "a", "b")
        sender = open_channels(config.model_copy(update={"delivery": rules}))["hook"]
        assert deliver(empty_outbox, "hook", sender, rules) == Delivered(failed=1)
    with empty_outbox.connection() as connection:
        assert read_waiting(connection)[0].last_error == "no answer within 0.05 s"


@pytest.mark.parametrize(("asked", "expected_s"), [("120", 120.0), ("999999", 3600.0), ("soon", 30.0), (None, 30.0)])
def test_a_receiver_may_ask_for_a_longer_wait(
    empty_outbox: Warehouse, httpserver: HTTPServer, asked: str | None, expected_s: float
) -> None:
    _put(empty_outbox, "a")
    httpserver.expect_request("/hook").respond_with_data("", status=503, headers={"Retry-After": asked} if asked else {})
    _deliver(empty_outbox, _webhook(httpserver.url_for("/hook")))
    with empty_outbox.connection() as connection:
        assert connection.execute("SELECT due_at - updated_at FROM outbox").fetchone() == (timedelta(seconds=expected_s),)


def test_waits_double_up_to_the_longest(rules: DeliverySection) -> None:
    assert [wait_s(attempts, rules) for attempts in (1, 2, 3, 7, 8, 5000)] == [30, 60, 120, 1920, 3600, 3600]


@pytest.mark.parametrize("change", [{"most_attempts": 1}, {"give_up_hours": 1e-9}])
def test_what_failed_too_often_or_too_long_is_given_up_kept_and_tried_again_on_request(
    empty_outbox: Warehouse, httpserver: HTTPServer, change: dict[str, Any]
) -> None:
    _put(empty_outbox, "a")
    httpserver.expect_request("/hook").respond_with_data("", status=500)
    config = _webhook(httpserver.url_for("/hook"))
    sender, rules = open_channels(config)["hook"], config.delivery.model_copy(update=change)
    assert deliver(empty_outbox, "hook", sender, rules) == Delivered(failed=1, given_up=1)
    assert _outbox(empty_outbox) == [("a", 1, False, True)]
    _all_due(empty_outbox)
    assert _deliver(empty_outbox, config) == Delivered()
    with empty_outbox.connection() as connection:
        assert [(row.given_up, row.last_error) for row in read_waiting(connection)] == [(1, "answered with status 500")]
        assert try_again(connection) == 1
    assert _outbox(empty_outbox) == [("a", 0, False, False)]


def test_old_messages_of_a_channel_that_is_gone_are_given_up(empty_outbox: Warehouse, rules: DeliverySection) -> None:
    _put(empty_outbox, "old", "new", channel="gone")
    _put(empty_outbox, "mine")
    with empty_outbox.connection() as connection:
        connection.execute("UPDATE outbox SET created_at = now() - interval '73 hours' WHERE subject_key <> 'new'")
        assert give_up_strays(connection, open_channels(_webhook("http://127.0.0.1/")), rules) == 1
    assert [row[0] for row in _outbox(empty_outbox) if row[3]] == ["old"]


def test_a_sender_that_dies_after_sending_sends_again_with_the_same_id(
    empty_outbox: Warehouse, httpserver: HTTPServer, rules: DeliverySection
) -> None:
    _put(empty_outbox, "a")
    httpserver.expect_request("/hook").respond_with_data("")
    config = _webhook(httpserver.url_for("/hook"))
    with empty_outbox.connection() as connection:
        claimed = claim(connection, "hook", rules)
    assert claimed is not None
    open_channels(config)["hook"].send(claimed)  # and dies before the mark
    assert _deliver(empty_outbox, config) == Delivered()  # it is claimed until the lease ends
    _all_due(empty_outbox)
    assert _deliver(empty_outbox, config) == Delivered(sent=1)
    assert {request.headers["webhook-id"] for request, _ in httpserver.log} == {str(claimed.message_id)}
    assert len(httpserver.log) == 2


def test_two_senders_share_the_messages_and_none_is_sent_twice(empty_outbox: Warehouse, rules: DeliverySection) -> None:
    _put(empty_outbox, "a", "b")
    with empty_outbox.connection() as first, empty_outbox.connection() as second:
        claims = [claim(one, "hook", rules) for one in (first, second, first)]
    assert [claimed and claimed.subject_key for claimed in claims] == ["a", "b", None]


def test_a_mail_is_plain_text_and_names_the_message(empty_outbox: Warehouse, mail_server: tuple[Inbox, str]) -> None:
    inbox, url = mail_server
    _put(empty_outbox, "a", channel="mail")
    assert _deliver(empty_outbox, channels(mail={"kind": "email", "url": url}), "mail") == Delivered(sent=1)
    (mail,) = inbox.mails
    assert mail["Subject"] == "COMP-007 critical: raised: vibration 8.5 mm/s is at or above critical 8"
    assert (mail["To"], mail.get_content_type()) == ("planner@example.com", "text/plain")
    with empty_outbox.connection() as connection:
        assert connection.execute("SELECT message_id::text FROM outbox").fetchone() == (mail["X-Altaviz-Message-Id"],)


def test_text_from_data_begins_no_header_and_no_markup_in_a_mail(empty_outbox: Warehouse, mail_server: tuple[Inbox, str]) -> None:
    inbox, url = mail_server
    evil = NEWS | {
        "compressor_id": "C\r\nBcc: thief@example.com\r\n\r\n<b>",
        "message": "x" * 300 + "\nSubject: other",
        "details": {"note": "a\n.\nb<script>\u202e"},
    }
    _put(empty_outbox, "a", channel="mail", payload=evil)
    _deliver(empty_outbox, channels(mail={"kind": "email", "url": url}), "mail")
    (mail,) = inbox.mails
    assert mail.get_all("Bcc") is None
    assert len(mail.get_all("Subject") or []) == 1
    assert str(mail["Subject"]).startswith(r"C\x0d\x0aBcc: thief@example.com")
    assert len(str(mail["Subject"])) == 150
    assert r"note: a\x0a.\x0ab<script>\u202e" in _text(mail)


def _text(mail: EmailMessage) -> str:
    return str(mail.get_payload(decode=True).decode())  # type: ignore[union-attr]


def test_a_mail_server_that_refuses_is_asked_again_later(empty_outbox: Warehouse, mail_server: tuple[Inbox, str]) -> None:
    inbox, url = mail_server
    config = channels(mail={"kind": "email", "url": url})
    _put(empty_outbox, "a", channel="mail")
    inbox.refuses = "451 4.3.0 try later"
    assert _deliver(empty_outbox, config, "mail") == Delivered(failed=1)
    with empty_outbox.connection() as connection:
        assert "try later" in str(read_waiting(connection)[0].last_error)
    inbox.refuses = None
    _all_due(empty_outbox)
    assert _deliver(empty_outbox, config, "mail") == Delivered(sent=1)


def test_an_address_that_apprise_does_not_understand_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"channels\.mail\.url is no mail server that Apprise understands"):
        open_channels(channels(mail={"kind": "email", "url": "mailto://"}))


def test_an_error_never_shows_the_address_of_a_channel(empty_outbox: Warehouse, closed_port: int) -> None:
    _put(empty_outbox, "a")
    _deliver(empty_outbox, _webhook(f"http://user:hunter2@127.0.0.1:{closed_port}/token-abc"))
    with empty_outbox.connection() as connection:
        error = str(read_waiting(connection)[0].last_error)
    assert "hunter2" not in error
    assert "token-abc" not in error


def test_the_log_is_a_channel(empty_outbox: Warehouse, caplog: pytest.LogCaptureFixture) -> None:
    _put(empty_outbox, "a", channel="log")
    assert _deliver(empty_outbox, channels(log={"kind": "log"}), "log") == Delivered(sent=1)
