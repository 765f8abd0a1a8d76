"""Keys of a service without a database."""

from __future__ import annotations

from serving.access.keyring import Keyring, StoredKey, StoredKeys


def keyring_of(bootstrap: str | None, *stored: StoredKey, needs_key: bool = False) -> Keyring:
    """A keyring with the bootstrap key and those of a table that has been read. Without any, it is open."""
    ring = Keyring(bootstrap, 1000, needs_key=needs_key, keep_s=60)
    ring.refresh(lambda _: StoredKeys(stored, ever=bool(stored)))
    return ring
