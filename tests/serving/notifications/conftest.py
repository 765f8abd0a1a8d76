"""A real HTTP receiver, a real mail server, and an outbox that is empty."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MailHandler
from pytest_httpserver import HTTPServer

from config.loader import CONFIG_DIR, load_section
from config.sections.planner.notifications import DeliverySection, NotificationsConfig
from serving.warehouse.connection import Warehouse
from tests.serving.warehouse.conftest import migrated, warehouse

__all__ = ["migrated", "warehouse"]
SECRET = "whsec_9uPzqYJ0X2mV5rT8wKc3nB7hLd4sFgAe6oQiUxZtR1E="


def channels(**own: dict[str, Any]) -> NotificationsConfig:
    """The shipped delivery with these channels, each of which gets everything it does not refuse."""
    shipped = load_section(CONFIG_DIR / "notifications.yaml", NotificationsConfig, {})
    every = {"topics": list(shipped.channels["log"].topics), "least_severity": "warning", "escalation_levels": [0, 1, 2, 3]}
    return NotificationsConfig.model_validate(
        {"channels": {name: every | channel for name, channel in own.items()}, "delivery": shipped.delivery.model_dump()}
    )


@pytest.fixture(scope="session")
def rules() -> DeliverySection:
    return channels(log={"kind": "log"}).delivery


@pytest.fixture
def empty_outbox(warehouse: Warehouse) -> Warehouse:
    with warehouse.connection() as connection:
        connection.execute("TRUNCATE outbox")
    return warehouse


@pytest.fixture(scope="session")
def make_httpserver() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1", port=0) as server:
        yield server


class Inbox(MailHandler):
    """Keeps what arrives. While `refuses` is set, every mail gets that answer."""

    def __init__(self) -> None:
        super().__init__(message_class=EmailMessage)
        self.mails: list[EmailMessage] = []
        self.refuses: str | None = None

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - its name there
        return self.refuses or await super().handle_DATA(server, session, envelope)

    def handle_message(self, message: Any) -> None:
        self.mails.append(message)


@pytest.fixture
def mail_server() -> Iterator[tuple[Inbox, str]]:
    """The inbox, and Apprise's address of its server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=port, ready_timeout=30)
    controller.start()
    try:
        yield inbox, f"mailto://127.0.0.1:{port}?from=altaviz@example.com&to=planner@example.com&mode=insecure"
    finally:
        controller.stop()
