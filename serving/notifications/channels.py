"""How a message reaches its receiver: the log, a signed webhook, e-mail. Each sends one message or raises DeliveryError."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final, Protocol, assert_never

import apprise
import httpx
from apprise.plugins.email import NotifyEmail
from standardwebhooks import Webhook

from config.errors import ConfigError, DeliveryError
from config.logs import get_log
from config.sections.planner.notifications import EmailChannel, LogChannel, NotificationsConfig, WebhookChannel
from serving.notifications.message import Message

_AGENT: Final = "altaviz"
_ID_HEADER: Final = "X-Altaviz-Message-Id"
_LOGGED: Final = ("compressor_id", "severity", "message", "alert_id", "changed_at", "changed_by")


class Sender(Protocol):
    """One channel."""

    def send(self, message: Message) -> None:
        """Deliver it. Raises DeliveryError."""


def open_channels(config: NotificationsConfig) -> dict[str, Sender]:
    """The senders by channel. Raises ConfigError for a mail address that cannot be used."""
    return {name: _open(name, channel, config.delivery.timeout_s) for name, channel in config.channels.items()}


def _open(name: str, channel: LogChannel | WebhookChannel | EmailChannel, timeout_s: float) -> Sender:
    match channel:
        case LogChannel():
            return LogSender(name)
        case WebhookChannel():
            return WebhookSender(channel.url.get_secret_value(), Webhook(channel.secret.get_secret_value()), timeout_s)
        case EmailChannel():
            return EmailSender(_mail_server(name, channel), timeout_s)
    assert_never(channel)


@dataclass(frozen=True)
class LogSender:
    """Writes one line to the log."""

    channel: str

    def send(self, message: Message) -> None:
        """Log it. It cannot fail."""
        facts = {key: message.payload[key] for key in _LOGGED if key in message.payload}
        get_log().info("notification", channel=self.channel, topic=message.topic, subject=message.subject_key, **facts)


@dataclass(frozen=True)
class WebhookSender:
    """Posts JSON, signed after Standard Webhooks. The message id is the receiver's key against double delivery."""

    url: str
    signature: Webhook
    timeout_s: float  # for all of it, however slowly the receiver answers

    def send(self, message: Message) -> None:
        """Post it. Only 2xx is an answer: a redirect is not followed, because the new place need not be the operator's."""
        document = {"type": message.topic, "timestamp": message.created_at.astimezone(UTC).isoformat(), "data": dict(message.payload)}
        body = json.dumps(document)
        now, message_id = datetime.now(UTC), str(message.message_id)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": _AGENT,
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self.signature.sign(message_id, now, body),
        }
        try:
            status, retry_after = asyncio.run(self._post(body.encode(), headers))
        except TimeoutError:
            raise DeliveryError(f"no answer within {self.timeout_s:g} s", reached=False) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise DeliveryError(
                f"not reached: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}", reached=False
            ) from None
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            moved = "; a redirect is not followed: correct the channel's url" if 300 <= status < 400 else ""
            raise DeliveryError(f"answered with status {status}{moved}", reached=True, retry_after_s=retry_after)

    async def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, float | None]:
        """Status, and what Retry-After says. The answer's content is not read."""
        async with (
            asyncio.timeout(self.timeout_s),
            httpx.AsyncClient(timeout=self.timeout_s) as client,
            client.stream("POST", self.url, content=body, headers=headers) as answer,
        ):
            return answer.status_code, _seconds(answer.headers.get("retry-after"))


def _seconds(retry_after: str | None) -> float | None:
    if retry_after is None:
        return None
    try:
        if retry_after.isascii() and retry_after.isdigit():
            return float(retry_after)
        return max((parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError):  # TypeError: a time without a zone
        return None


@dataclass(frozen=True)
class EmailSender:
    """Sends a mail of plain text through Apprise."""

    server: NotifyEmail
    timeout_s: float  # of each step with the mail server

    def send(self, message: Message) -> None:
        """Mail it to all addresses of the channel. One that the server refuses fails it for all: the others then get it again."""
        self.server.headers = {_ID_HEADER: str(message.message_id)}
        self.server.socket_connect_timeout = self.timeout_s
        with apprise.LogCapture(level=logging.DEBUG, fmt="%(message)s") as captured:  # type: ignore[no-untyped-call]
            taken = self.server.notify(body=message.body, title=message.title, body_format=apprise.NotifyFormat.TEXT)
            said = [line for line in captured.getvalue().splitlines() if "exception" in line.lower() or "refused" in line]
        if not taken:
            raise DeliveryError(f"the mail server did not take it: {said[-1] if said else 'it gave no reason'}", reached=False)


def _mail_server(name: str, channel: EmailChannel) -> NotifyEmail:
    server = apprise.Apprise.instantiate(
        channel.url.get_secret_value(), asset=apprise.AppriseAsset(app_id="Altaviz"), suppress_exceptions=True
    )
    if not isinstance(server, NotifyEmail):
        raise ConfigError(
            f"notifications.yaml: channels.{name}.url is no mail server that Apprise understands: "
            "write mailtos://user:password@host?smtp=server&from=altaviz@example.com&to=planner@example.com"
        )
    server.request_rate_per_sec = 0  # the outbox paces; Apprise would wait 5.5 s before each mail
    server.notify_format = apprise.NotifyFormat.TEXT  # type: ignore[assignment]  # one of those that it can send
    return server
