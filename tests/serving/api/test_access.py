"""Who may ask the service: by host, origin, proxy and key."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from starlette.datastructures import Headers

from config.api_key import weakness
from config.errors import ConfigError, NotReadyError, RequestError
from config.sections.serving import ListenSection
from config.settings import Settings, load_settings
from serving.access.keyring import Keyring
from serving.api.access import Access
from tests.serving.api.keyrings import keyring_of

KEY = "vNq3T0fWJm8yZsQ1xRk7Lc5HdU2pGb9E"
ADDRESS = "192.0.2.7"  # of this machine


def _listen(**changes: Any) -> ListenSection:
    return ListenSection.model_validate({"host": "127.0.0.1", "port": 0, "api_key": None, "hosts": None, "shutdown_s": 1, **changes})


def _access(host: str | None = None, **changes: Any) -> Access:
    listen = _listen(**changes)
    return Access.of(listen, keyring_of(KEY if listen.api_key else None, needs_key=bool(listen.hosts)), host)


def _status(access: Access, *headers: tuple[str, str], address: str = ADDRESS) -> int | None:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    refusal = access.refusal(Headers(raw=raw), address)
    return refusal.status if refusal else None


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:3000", "127.0.0.1", "127.0.0.1:3000", "127.8.9.1", "[::1]", "[0:0::1]:3000"])
def test_without_a_key_this_machine_may_ask(host: str) -> None:
    assert _status(_access(), ("Host", host)) is None


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example.com",
        "localhost.example.com",
        "localhost.",
        "127.0.0.1.example.com",
        "127.1",
        "0x7f.0.0.1",
        "2130706433",
        "0.0.0.0",
        ADDRESS,
        "[::]",
        "[::ffff:127.0.0.1]",
    ],
)
def test_without_a_key_every_other_name_is_refused(host: str) -> None:
    assert _status(_access(), ("Host", host)) == 421


@pytest.mark.parametrize(
    "host", ["", " ", "local host", "localhost:", "localhost:port", "localhost/", "a@localhost", "[::1", "::1", "[1]", "löcal"]
)
def test_a_host_that_is_none_is_refused(host: str) -> None:
    for access in (_access(), _access(api_key=KEY)):
        assert _status(access, ("Host", host)) == 400


def test_a_missing_and_a_repeated_host_are_refused() -> None:
    assert _status(_access()) == 400
    assert _status(_access(), ("Host", "localhost"), ("Host", "localhost")) == 400


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:8501", None),
        ("https://127.0.0.1", None),
        ("http://[::1]:3000", None),
        ("null", 403),
        ("", 403),
        ("https://rebound.example.com", 403),
        ("http://localhost.example.com", 403),
        ("http://localhost@rebound.example.com", 403),
        ("http://localhost/rebound.example.com", 403),
        ("file://localhost", 403),
    ],
)
def test_a_page_of_another_site_is_refused(origin: str, status: int | None) -> None:
    for access in (_access(), _access(api_key=KEY)):
        assert _status(access, ("Host", "localhost"), ("Origin", origin)) == status


def test_with_a_key_the_service_has_the_names_of_its_list_the_loopback_and_its_own_address() -> None:
    access = _access(api_key=KEY, hosts="altaviz.example.com, 198.51.100.4 ,")
    for host in (
        "altaviz.example.com",
        "Altaviz.Example.com:8443",
        "198.51.100.4",
        "localhost",
        "127.0.0.1:3000",
        ADDRESS,
        f"{ADDRESS}:3000",
    ):
        assert _status(access, ("Host", host)) is None
    for host in ("example.com", "x.altaviz.example.com", "198.51.100.5"):
        assert _status(access, ("Host", host)) == 421
    assert _status(access, ("Host", "localhost"), ("Origin", "https://altaviz.example.com")) is None
    assert _status(access, ("Host", "192.0.2.7"), address="::ffff:192.0.2.7") is None  # IPv4 on a socket of both kinds
    assert _status(access, ("Host", "[fe80::1]"), address="fe80::1%eth0") is None


def test_with_a_key_and_no_list_the_name_it_listens_on_counts() -> None:
    access = _access(api_key=KEY, host="pumps.example.com")
    assert _status(access, ("Host", "pumps.example.com")) is None
    assert _status(access, ("Host", "other.example.com")) == 421
    assert _status(_access(api_key=KEY, host="0.0.0.0"), ("Host", "0.0.0.0")) == 421
    assert _status(_access(host="pumps.example.com"), ("Host", "pumps.example.com")) == 421  # without a key nothing but loopback


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Via", "CF-Connecting-IP"])
def test_without_a_key_what_a_proxy_hands_on_is_refused(header: str) -> None:
    sent = ("Host", "127.0.0.1:3000"), (header, "192.0.2.1")
    assert _status(_access(), *sent) == 403
    assert _status(_access(api_key=KEY), *sent) is None


def test_without_a_key_a_browser_may_not_ask_for_a_page_of_another_site() -> None:
    for site, status in (("cross-site", 403), ("same-origin", None), ("same-site", None), ("none", None)):
        assert _status(_access(), ("Host", "localhost"), ("Sec-Fetch-Site", site)) == status


def test_the_key_opens_and_nothing_else_does() -> None:
    access = _access(api_key=KEY)
    for name, value, opens in (
        ("Authorization", f"Bearer {KEY}", True),
        ("Authorization", f"bearer  {KEY}", True),
        ("X-API-Key", KEY, True),
        ("Authorization", KEY, False),
        ("Authorization", f"Basic {KEY}", False),
        ("X-API-Key", KEY[:-1], False),
        ("X-API-Key", "é", False),
    ):
        assert _is_known(access, Headers({name: value})) == opens
    assert not _is_known(access, Headers({}))
    assert _is_known(_access(), Headers({}))


def _is_known(access: Access, headers: Headers) -> bool:
    try:
        access.caller(headers)
    except RequestError as error:
        return error.status != 401
    return True


def test_until_the_keys_have_been_read_a_proxy_is_not_told_that_there_are_none() -> None:
    unread = Access(Keyring(None, 60, needs_key=False, keep_s=60), frozenset({"altaviz.example.com"}))
    assert _status(unread, ("Host", "altaviz.example.com"), ("X-Forwarded-For", "192.0.2.1")) is None
    with pytest.raises(NotReadyError, match="keys cannot be checked"):
        unread.caller(Headers({}))


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("changeme", "has 8 characters"),
        ("vNq3T0fWJm8yZsQ1xRk7Lc5", "has 23 characters"),
        ("a" * 40, "has 1 different"),
        ("changeme" * 4, "has 7 different"),
        ("deadbeefdeadbeefdeadbeefdeadbeef", "has 5 different"),
        ("opensesame-opensesame-opensesame", "repeats one text"),
        ("0123456789abcdef0123456789abcdef", "repeats one text"),
        ("abcdefghijklmnopqrstuvwxyz012345", "counts up"),
        ("your-api-key-here-your-api-key", "words from examples"),
        ("Replace-Me-With-A-Long-Random-Key", "words from examples"),
        ("altaviz_production_api_key_2026", "words from examples"),
    ],
)
def test_a_key_that_can_be_guessed_is_refused_with_the_command_that_makes_one(key: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why) as caught:
        _listen(api_key=key)
    assert "`openssl rand -base64 32`" in str(caught.value)
    assert key not in str(caught.value.errors(include_input=False)[0]["msg"])


@pytest.mark.parametrize(
    "key",
    [
        KEY,
        "XqV1gE7mJw3Rb0yTn5Zk8cLs2HdF6pUa9oQiWxKtMfY=",  # base64, 32 bytes
        "9f2c61e07bd8435a9e10c7d4",  # hexadecimal, 12 bytes
        "6f1c2a4e-93b7-4d58-8e0a-57b2c9d3f146",
    ],
)
def test_a_key_from_a_generator_is_taken(key: str) -> None:
    assert weakness(key) is None


def test_a_weak_key_in_the_environment_is_one_line_without_the_key(settings: Settings) -> None:
    with pytest.raises(ConfigError) as caught:
        _ = load_settings(settings.home, environ={"ALTAVIZ_API_KEY": "opensesame"}).serving
    line = str(caught.value)
    assert "serving.yaml: listen.api_key" in line
    assert "opensesame" not in line
    assert "\n" not in line


def test_an_address_of_version_6_stands_in_the_list_as_clients_write_it() -> None:
    assert _listen(api_key=KEY, hosts=["[2001:DB8:0::1]", "Altaviz"]).hosts == ["2001:db8::1", "altaviz"]


@pytest.mark.parametrize("hosts", ["https://altaviz.example.com", "altaviz.example.com:443", "*.example.com", "a b"])
def test_a_host_that_no_client_sends_is_refused(hosts: str) -> None:
    with pytest.raises(ValidationError, match="without scheme and port"):
        _listen(api_key=KEY, hosts=hosts)
