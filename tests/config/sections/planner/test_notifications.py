from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.errors import ConfigError
from config.loader import CONFIG_DIR
from config.sections.planner.notifications import NotificationsConfig
from config.settings import load_settings

SECRET = "whsec_9uPzqYJ0X2mV5rT8wKc3nB7hLd4sFgAe6oQiUxZtR1E="
SMTP = "mailtos://altaviz:hunter2@mail.example.com?to=planner@example.com"


def _load(folder: Path, channel: dict[str, Any], **environ: str) -> NotificationsConfig:
    content = yaml.safe_load((CONFIG_DIR / "notifications.yaml").read_text(encoding="utf-8"))
    content["channels"]["own"] = content["channels"]["log"] | channel
    (folder / "notifications.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return load_settings(folder, environ={"ALTAVIZ_CONFIG_DIR": str(folder), **environ}).notifications


def test_only_the_log_is_told_as_shipped() -> None:
    config = load_settings(environ={}).notifications
    assert [(name, channel.kind) for name, channel in config.channels.items()] == [("log", "log")]


def test_secrets_come_from_the_environment_and_are_not_shown(tmp_path: Path) -> None:
    hook = {"kind": "webhook", "url": "https://hooks.example.com", "secret": "${HOOK}"}
    assert SECRET not in repr(_load(tmp_path, hook, HOOK=SECRET))
    assert _load(tmp_path, {"kind": "email", "url": "${SMTP}"}, SMTP=SMTP).secrets() == {"channels.own.url": SMTP}


@pytest.mark.parametrize(
    ("channel", "message"),
    [
        ({"kind": "webhook", "url": "https://hooks.example.com", "secret": SECRET}, "channels.own.secret stands in the file"),
        ({"kind": "email", "url": SMTP}, "channels.own.url stands in the file"),
        ({"kind": "webhook", "url": "https://hooks.example.com", "secret": "${NONE}"}, "environment variable NONE is not set"),
        ({"kind": "webhook", "url": "ftp://hooks.example.com", "secret": "${HOOK}"}, "must begin with https:// or http://"),
        ({"kind": "email", "url": "${HOOK}"}, "must begin with mailtos:// or mailto://"),
        ({"kind": "pigeon"}, "does not match any of the expected tags"),
        ({"topics": []}, "at least 1 item"),
        ({"topics": ["alert.raised", "alert.raised"]}, "alert.raised more than once"),
        ({"topics": ["alert.moved"]}, "Input should be 'alert.raised'"),
        ({"escalation_levels": [-1]}, "greater than or equal to 0"),
        ({"escalation_levels": [1, 1]}, "1 more than once"),
        ({"least_severity": "healthy"}, "Input should be 'warning' or 'critical'"),
    ],
)
def test_a_channel_that_makes_no_sense_is_refused(tmp_path: Path, channel: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        _load(tmp_path, channel, HOOK="whsec_Zk3vN8xQpL5mR0tYw7CjB2dHs6GfA9eUoI1iKzXqV4M=")


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        ("whsec_c2hvcnQ=", "has 5 bytes and needs at least 24"),
        ("whsec_not base64!", "must be base64"),
        ("YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh", "can be guessed"),
    ],
)
def test_a_weak_secret_is_refused(tmp_path: Path, secret: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)) as refused:
        _load(tmp_path, {"kind": "webhook", "url": "https://hooks.example.com", "secret": "${HOOK}"}, HOOK=secret)
    assert secret not in str(refused.value)
