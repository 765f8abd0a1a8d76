"""A home that replays the past stands at a moment of its own, and its views with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from serving.warehouse.connection import Warehouse
from serving.warehouse.tables import move_replay, replay_moment, start_replay

END = datetime(2026, 3, 9, 5, 50, tzinfo=UTC)


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterator[psycopg.Connection]:
    with warehouse.connection() as opened:
        yield opened
        opened.rollback()


def _moment(connection: psycopg.Connection) -> datetime:
    (moment,) = connection.execute("SELECT moment FROM v_moment").fetchone() or (None,)
    assert isinstance(moment, datetime)
    return moment


def test_a_live_home_stands_at_now_and_no_moment_moves_it(connection: psycopg.Connection) -> None:
    move_replay(connection, END)
    assert replay_moment(connection) is None
    assert connection.execute("SELECT moment = now() FROM v_moment").fetchone() == (True,)


def test_a_replay_stands_where_it_was_started_and_moves(connection: psycopg.Connection) -> None:
    start_replay(connection, END)
    assert _moment(connection) == END
    later = END + timedelta(hours=1)
    move_replay(connection, later)
    assert (replay_moment(connection), _moment(connection)) == (later, later)


def test_a_replay_that_moves_to_now_is_a_live_home(connection: psycopg.Connection) -> None:
    start_replay(connection, END)
    move_replay(connection, None)
    move_replay(connection, END)
    assert replay_moment(connection) is None


def test_an_asked_moment_goes_before_that_of_the_replay(connection: psycopg.Connection) -> None:
    start_replay(connection, END)
    connection.execute("SELECT set_config('altaviz.as_of', '2026-03-05T00:00:00Z', TRUE)")
    assert _moment(connection) == datetime(2026, 3, 5, tzinfo=UTC)
