"""Keys of the service in a real warehouse: what is stored of them, how long they work, and who a running service takes them for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg
import pytest

from config.errors import InputError, NotReadyError, RequestError, WarehouseError
from serving.access import keys as keys_module
from serving.access.keyring import LOCAL, Keyring, StoredKeys
from serving.access.keys import MadeKey, NewKey, create_key, digest_of, id_of, list_keys, revoke_key, rotate_key
from serving.access.stored import ApiWrite, read_keys, record_write
from serving.warehouse.connection import Warehouse

BOOTSTRAP = "vNq3T0fWJm8yZsQ1xRk7Lc5HdU2pGb9E"  # nobody's
READER = NewKey("control room", "reader")


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def empty(warehouse: Warehouse) -> Warehouse:
    """No key, no write."""
    with warehouse.connection() as connection:
        connection.execute("TRUNCATE api_keys, api_writes")
    return warehouse


def _ring(bootstrap: str | None = None, *, needs_key: bool = False, clock: Clock | None = None) -> Keyring:
    return Keyring(bootstrap, 60, needs_key=needs_key, keep_s=30, clock=clock or Clock())


def _refresh(ring: Keyring, connection: psycopg.Connection) -> None:
    ring.refresh(partial(read_keys, connection, requests_per_minute=60))


def _status(ring: Keyring, text: str) -> int:
    with pytest.raises(RequestError) as caught:
        ring.caller_of(text)
    assert text not in str(caught.value) or not text
    return caught.value.status


def test_the_table_has_the_hash_of_a_key_and_not_the_key(empty: Warehouse) -> None:
    with empty.connection() as connection:
        made = create_key(connection, READER, "anna")
        row = connection.execute("SELECT t::text, key_sha256, created_by FROM api_keys t").fetchone()
    assert row is not None
    secret = made.text.removeprefix(f"altaviz_{made.key.key_id}_")
    assert len(secret) == 43  # 256 bits in base64
    assert secret not in row[0]
    assert row[1:] == (digest_of(made.text), "anna")
    assert id_of(made.text) == made.key.key_id
    assert secret not in repr(made.key)


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", "\x1b[31mred"])
def test_a_name_that_cannot_stand_in_a_log_is_refused(empty: Warehouse, name: str) -> None:
    with empty.connection() as connection, pytest.raises(InputError, match="printable characters"):
        create_key(connection, NewKey(name, "reader"), "anna")


def test_no_more_keys_than_a_service_keeps_in_memory(empty: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_module, "MOST_KEYS", 2)
    with empty.connection() as connection:
        first = create_key(connection, READER, "anna")
        create_key(connection, READER, "anna")
        with pytest.raises(InputError, match="2 keys are usable already"):
            create_key(connection, READER, "anna")
        revoke_key(connection, first.key.key_id, "anna")
        create_key(connection, READER, "anna")


def test_a_caller_has_the_name_role_and_rate_of_its_key(empty: Warehouse) -> None:
    ring = _ring()
    with empty.connection() as connection:
        made = create_key(connection, NewKey("planner's page", "planner", requests_per_minute=5), "anna")
        plain = create_key(connection, READER, "anna")
        _refresh(ring, connection)
    caller = ring.caller_of(made.text)
    assert (caller.key_id, caller.name, caller.role, caller.requests_per_minute) == (made.key.key_id, "planner's page", "planner", 5)
    assert ring.caller_of(plain.text).requests_per_minute == 60


def test_a_revoked_key_ends_at_the_next_reading_and_revoking_twice_keeps_the_first_time(empty: Warehouse) -> None:
    ring = _ring()
    with empty.connection() as connection:
        made = create_key(connection, READER, "anna")
        _refresh(ring, connection)
        assert ring.caller_of(made.text).name == "control room"
    with empty.connection() as connection:
        revoked = revoke_key(connection, made.key.key_id, "ben")
        _refresh(ring, connection)
    assert _status(ring, made.text) == 401
    assert revoked.revoked_by == "ben"
    with empty.connection() as connection:
        again = revoke_key(connection, made.key.key_id, "anna")
        assert (again.revoked_at, again.revoked_by) == (revoked.revoked_at, "ben")
        with pytest.raises(InputError, match="`altaviz keys list`"):
            revoke_key(connection, "nosuchkey2", "anna")


def test_an_expired_key_ends_without_a_reading(empty: Warehouse) -> None:
    ring = _ring()
    with empty.connection() as connection:
        made = create_key(connection, NewKey("a visitor", "reader", timedelta(days=1)), "anna")
        _refresh(ring, connection)
        stored = read_keys(connection, [], 60).keys[0]
    assert stored.expires_at == made.key.created_at + timedelta(days=1)
    assert ring.caller_of(made.text).name == "a visitor"
    past = StoredKeys([type(stored)(stored.caller, stored.sha256, datetime.now(UTC), None)], ever=True)
    ring.refresh(lambda _: past)
    assert _status(ring, made.text) == 401


def test_after_a_rotation_both_keys_work_until_the_overlap_ends(empty: Warehouse) -> None:
    ring = _ring()
    with empty.connection() as connection:
        old = create_key(connection, NewKey("scoring job", "scorer", timedelta(days=90), 30), "anna")
        new, replaced = rotate_key(connection, old.key.key_id, timedelta(hours=6), "ben")
        now = connection.execute("SELECT now()").fetchone()
        _refresh(ring, connection)
        with pytest.raises(InputError, match=f"rotate the key that replaced it, {new.key.key_id}"):
            rotate_key(connection, old.key.key_id, timedelta(0), "ben")
    assert now is not None
    assert (replaced.replaced_by, replaced.expires_at) == (new.key.key_id, now[0] + timedelta(hours=6))
    assert (new.key.name, new.key.role, new.key.requests_per_minute) == ("scoring job", "scorer", 30)
    assert new.key.expires_at == now[0] + timedelta(days=90)
    assert [ring.caller_of(made.text).key_id for made in (old, new)] == [old.key.key_id, new.key.key_id]
    with empty.connection() as connection:
        assert {key.key_id: key.state_at(now[0]) for key in list_keys(connection)} == {old.key.key_id: "replaced", new.key.key_id: "usable"}


def test_an_overlap_never_lengthens_the_life_of_a_key(empty: Warehouse) -> None:
    with empty.connection() as connection:
        old = create_key(connection, NewKey("a visitor", "reader", timedelta(hours=2)), "anna")
        _, replaced = rotate_key(connection, old.key.key_id, timedelta(hours=48), "anna")
    assert replaced.expires_at == old.key.expires_at


def test_the_last_use_is_written_once_an_hour(empty: Warehouse) -> None:
    ring, noted = _ring(), []

    def read(connection: psycopg.Connection) -> None:
        def count(used: object) -> StoredKeys:
            noted.append(list(used))  # type: ignore[call-overload]
            return read_keys(connection, noted[-1], 60)

        ring.refresh(count)

    with empty.connection() as connection:
        made = create_key(connection, READER, "anna")
        read(connection)
        for _ in range(3):
            ring.caller_of(made.text)
        read(connection)
        ring.caller_of(made.text)
        read(connection)
        used = list_keys(connection)[0].last_used_at
        hour = connection.execute("SELECT date_trunc('hour', now())").fetchone()
    assert noted == [[], [made.key.key_id], []]
    assert hour is not None
    assert used == hour[0]


def test_without_any_key_only_a_service_that_others_can_reach_asks_for_one(empty: Warehouse) -> None:
    local, reachable = _ring(), _ring(needs_key=True)
    with empty.connection() as connection:
        for ring in (local, reachable):
            _refresh(ring, connection)
    assert (local.is_open, local.caller_of(""), local.caller_of("anything")) == (True, LOCAL, LOCAL)
    assert not reachable.is_open
    assert [_status(reachable, text) for text in ("", "anything")] == [401, 401]


def test_from_the_first_key_on_nobody_is_answered_without_one_even_when_it_is_revoked(empty: Warehouse) -> None:
    ring = _ring()
    with empty.connection() as connection:
        _refresh(ring, connection)
        assert ring.is_open
        made = create_key(connection, READER, "anna")
        _refresh(ring, connection)
        assert _status(ring, "") == 401
        revoke_key(connection, made.key.key_id, "anna")
        _refresh(ring, connection)
    assert _status(ring, "") == 401


def test_while_the_database_is_down_keys_of_the_last_reading_count_for_a_while_and_the_bootstrap_key_always(empty: Warehouse) -> None:
    def down(_: object) -> StoredKeys:
        raise WarehouseError("down")

    clock = Clock()
    ring = _ring(BOOTSTRAP, clock=clock)
    with empty.connection() as connection:
        made = create_key(connection, READER, "anna")
    for text in (made.text, _wrong(made)):
        with pytest.raises(NotReadyError, match="keys cannot be checked"):
            ring.caller_of(text)
    with empty.connection() as connection:
        _refresh(ring, connection)
    with pytest.raises(WarehouseError):
        ring.refresh(down)
    clock.now += 29
    assert ring.caller_of(made.text).role == "reader"
    clock.now += 2
    with pytest.raises(NotReadyError):
        ring.caller_of(made.text)
    assert (ring.caller_of(BOOTSTRAP).name, ring.caller_of(BOOTSTRAP).role) == ("environment", "admin")
    assert _status(ring, "") == 401


def test_until_the_database_has_been_read_nobody_is_taken_for_a_program_without_a_key() -> None:
    with pytest.raises(NotReadyError, match="keys cannot be checked"):
        _ring().caller_of("")


def test_what_only_looks_like_a_key_is_refused(empty: Warehouse) -> None:
    ring = _ring()
    with empty.connection() as connection:
        made = create_key(connection, READER, "anna")
        _refresh(ring, connection)
    for text in (_wrong(made), made.text[:-1], made.text + "A", made.text.upper(), f"altaviz_{made.key.key_id}_", "é", "altaviz"):
        assert _status(ring, text) == 401


def test_a_write_is_recorded_with_who_did_it_and_its_answer(empty: Warehouse) -> None:
    with empty.connection() as connection:
        for status in (403, 200):
            record_write(connection, ApiWrite("r-1", "abcdefghij", "Anna", "POST", "/v1/score", status, {"rows": 3}))
        rows = connection.execute(
            "SELECT request_id, key_id, actor, method, path, status, details FROM api_writes ORDER BY status"
        ).fetchall()
    assert rows == [("r-1", "abcdefghij", "Anna", "POST", "/v1/score", status, {"rows": 3}) for status in (200, 403)]


def _wrong(made: MadeKey) -> str:
    return made.text[:-1] + ("A" if made.text[-1] != "A" else "B")
