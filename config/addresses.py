"""Names of hosts as a request gives them: `localhost`, `altaviz.example.com:3000`, `127.0.0.1`, `[::1]:3000`."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

_HOST: Final = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?P<port>:[0-9]{1,5})?")
LOCALHOST: Final = "localhost"


def read_host(text: str) -> str | None:
    """The host of `host` or `host:port`, in lower case. None for anything else.

    An address comes back in its shortest form. `127.1` and `0x7f000001` stay names: only four decimal numbers
    are an IPv4 address.
    """
    found = _HOST.fullmatch(text)
    if found is None:
        return None
    try:
        if found["v6"] is not None:
            return str(IPv6Address(found["v6"]))
        return str(IPv4Address(found["name"]))
    except ValueError:
        return None if found["name"] is None else found["name"].lower()


def split_names(value: object) -> object:
    """The names of an environment variable, comma-separated, as a list. A list of a file stays as it is."""
    if value is None:
        return []
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


def bare_hosts(hosts: list[str], variable: str, wanted: str) -> list[str]:
    """The hosts as `read_host` writes them.

    Raises ValueError for one with a scheme or a port. It names the environment `variable` and what is `wanted`.
    """
    for host in hosts:
        if read_host(f"{host}:0") is None:  # not a host, or has a port already
            raise ValueError(f"{variable} has {host!r}: list {wanted}, without scheme and port")
    return [str(read_host(host)) for host in hosts]


def literal_of(address: str) -> str:
    """The address of a socket, written as `read_host` writes it.

    The zone is cut off. IPv4 inside IPv6 becomes IPv4.
    """
    parsed = ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return str(mapped or parsed)


def is_loopback(host: str) -> bool:
    """Whether a host that `read_host` has read can only be this machine."""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == LOCALHOST
