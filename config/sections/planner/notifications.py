"""Schema of notifications.yaml: the channels, who is told of what, and how messages are delivered."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from config.api_key import HOW_TO_MAKE_ONE, weakness
from config.loader import Section

Topic = Literal[
    "alert.raised",
    "alert.became_critical",
    "alert.escalated",
    "alert.acknowledged",
    "alert.shelved",
    "alert.unshelved",
    "alert.assigned",
    "alert.resolved",
    "alert.closed",
    "alert.withdrawn",
    "work_order.exported",
]
TOPICS: Final[tuple[str, ...]] = get_args(Topic)
_LEAST_BYTES: Final = 24  # of a webhook's secret, as Standard Webhooks asks
_PREFIX: Final = "whsec_"


def _each_once(values: list[int] | list[str]) -> list[int] | list[str]:
    twice = sorted({str(value) for value in values if values.count(value) > 1})  # type: ignore[arg-type]  # both lists count their own
    if twice:
        raise ValueError(f"{', '.join(twice)} more than once")
    return values


class ChannelSection(Section):
    """What a channel is told. A severity and the levels choose among news of alerts only."""

    topics: Annotated[list[Topic], Field(min_length=1), AfterValidator(_each_once)]
    least_severity: Literal["warning", "critical"]
    escalation_levels: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1), AfterValidator(_each_once)]


class LogChannel(ChannelSection):
    """Messages go to the log."""

    kind: Literal["log"]


class WebhookChannel(ChannelSection):
    """Messages are posted to `url`, signed with `secret` after Standard Webhooks."""

    kind: Literal["webhook"]
    url: SecretStr  # many receivers' addresses hold a password
    secret: SecretStr

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(("https://", "http://")):
            raise ValueError("must begin with https:// or http://")
        return url

    @field_validator("secret")
    @classmethod
    def _cannot_be_guessed(cls, secret: SecretStr) -> SecretStr:
        text = secret.get_secret_value().removeprefix(_PREFIX)
        try:
            size = len(base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError):
            raise ValueError(f"the secret of a webhook must be base64: {HOW_TO_MAKE_ONE}") from None
        if size < _LEAST_BYTES:
            raise ValueError(f"the secret of a webhook has {size} bytes and needs at least {_LEAST_BYTES}: {HOW_TO_MAKE_ONE}")
        found = weakness(text)
        if found:
            raise ValueError(f"the secret of a webhook can be guessed: it {found}; {HOW_TO_MAKE_ONE}")
        return secret


class EmailChannel(ChannelSection):
    """Messages are mailed. `url` is Apprise's: mailtos://user:password@host?to=planner@example.com."""

    kind: Literal["email"]
    url: SecretStr

    @field_validator("url")
    @classmethod
    def _is_mail(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(("mailtos://", "mailto://")):
            raise ValueError("must begin with mailtos:// or mailto://, as Apprise writes addresses of mail servers")
        return url


Channel = Annotated[LogChannel | WebhookChannel | EmailChannel, Field(discriminator="kind")]
ChannelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,49}$")]


class DeliverySection(Section):
    """How often and how long a message is tried."""

    most_age_hours: float = Field(gt=0)
    every_s: float = Field(gt=0)
    timeout_s: float = Field(gt=0)
    first_wait_s: float = Field(gt=0)
    most_wait_s: float = Field(gt=0)
    most_attempts: int = Field(gt=0)
    give_up_hours: float = Field(gt=0)
    cycle_s: float = Field(gt=0)

    @model_validator(mode="after")
    def _waits_grow(self) -> Self:
        if self.most_wait_s < self.first_wait_s:
            raise ValueError(f"most_wait_s {self.most_wait_s:g} is below first_wait_s {self.first_wait_s:g}")
        return self


class NotificationsConfig(Section):
    """All channels, and how their messages are delivered."""

    channels: dict[ChannelName, Channel]
    delivery: DeliverySection

    def secrets(self) -> dict[str, str]:
        """By key: what only the environment may hold."""
        found = {}
        for name, channel in self.channels.items():
            if isinstance(channel, WebhookChannel):
                found[f"channels.{name}.secret"] = channel.secret.get_secret_value()
            elif isinstance(channel, EmailChannel):
                found[f"channels.{name}.url"] = channel.url.get_secret_value()
        return found
