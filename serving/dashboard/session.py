"""What a page asks: rows of the warehouse at the moment shown, and what the visitor has chosen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, cast

import psycopg
import streamlit as st

from serving.dashboard.display.units import UnitSystem
from serving.dashboard.queries.moment import Moment, read_moment, stand_at
from serving.dashboard.startup import started
from serving.warehouse.connection import Warehouse, open_reader

P = ParamSpec("P")
RowsT = TypeVar("RowsT")

UNITS: Final = "units"  # query parameters
PLANNER: Final = "planner"
_FRESH_S: Final = 20.0  # s that an answer is reused; new predictions come hourly, alerts by people at any time


def read(query: Callable[Concatenate[psycopg.Connection, P], RowsT], *arguments: P.args, **named: P.kwargs) -> RowsT:
    """The answer of a query at the moment shown. It may be some seconds old. Raises WarehouseError."""
    as_of = started().as_of
    name = f"{query.__module__}.{query.__qualname__}"
    return cast(RowsT, _answer(name, arguments, named, as_of, str(started().home), query))


def forget() -> None:
    """Read everything anew: something was written."""
    _answer.clear()


def shown_moment() -> Moment:
    """The moment that the pages stand at."""
    return read(read_moment)


def unit_system() -> UnitSystem:
    """The units that the visitor has chosen; the address keeps them."""
    chosen = st.session_state.get(UNITS) or st.query_params.get(UNITS)
    return UnitSystem.SI if chosen == UnitSystem.SI.value else UnitSystem.US


def planner() -> str | None:
    """The name that is written with every act, None until the visitor gives it."""
    return str(st.session_state.get(PLANNER) or "").strip() or None


def is_dark() -> bool:
    """Whether the visitor's page is dark."""
    return st.context.theme.type == "dark"


def clock_now() -> datetime:
    """The clock's now, for ages of what the page itself did."""
    return datetime.now(UTC)


@st.cache_resource(show_spinner=False)
def _warehouse(home: str) -> Warehouse:
    startup = started()
    return startup.resources.enter_context(open_reader(startup.settings.database, startup.home))


@st.cache_data(ttl=_FRESH_S, show_spinner=False, max_entries=500)
def _answer(
    name: str, arguments: tuple[object, ...], named: dict[str, object], as_of: datetime | None, home: str, _query: Callable[..., Any]
) -> Any:
    with _warehouse(home).connection() as connection:
        stand_at(connection, as_of)
        return _query(connection, *arguments, **named)
