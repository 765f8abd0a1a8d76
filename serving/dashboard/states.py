"""What a page says when it has nothing to show: the past is replayed, the feed is silent, a part is missing or down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, timedelta
from typing import Final

import streamlit as st
from markupsafe import Markup

from config.errors import AltavizError
from serving.dashboard.display.formatting import hours_ago, literal, local_time
from serving.dashboard.queries.moment import Moment
from serving.dashboard.session import forget, shown_moment
from serving.dashboard.startup import started

_HOUR: Final = timedelta(hours=1)
_LOOK_S: Final = 2.0  # s between two looks for a service that is starting


def show_empty(what: str, why: str) -> None:
    """Nothing to show: what is missing, and what to do."""
    st.html(Markup('<div class="az-state" role="status"><b>{0}</b>{1}</div>').format(what, why))


def show_page(page: Callable[[], None]) -> None:
    """The page below its banners. What a user can mend is one sentence instead of it, and nobody sees a traceback."""
    with _told():
        told = banners(shown_moment(), started().settings.dashboard.silent_hours, replayed=started().as_of is not None)
        if told:
            st.html(Markup("").join(Markup('<div class="az-banner" role="status">{0}</div>').format(text) for text in told))
        page()
    if started().api.problem:
        _wait_for_service()


@st.fragment(run_every=_LOOK_S)
def _wait_for_service() -> None:
    """Show the page anew once the service answers: until then its buttons are off."""
    if not started().api.problem:
        st.rerun()


def banners(now: Moment, silent_hours: float, *, replayed: bool) -> list[str]:
    """What a planner must know before anything else. Pure."""
    found = []
    if replayed or now.replay_as_of is not None:
        found.append(f"Replay: the fleet as of {local_time(now.moment, UTC, year=True)}")
    if not now.compressors:
        found.append("This home has no compressors yet: run `altaviz demo`, or `altaviz ingest FOLDER`")
        return found
    if now.newest_hour is None:
        found.append("No readings have been loaded yet: run `altaviz ingest` and `altaviz features`")
    elif now.moment - now.newest_hour > silent_hours * _HOUR:
        age = hours_ago((now.moment - now.newest_hour) / _HOUR)
        text = f"No compressor has sent a reading since {local_time(now.newest_hour, UTC)} ({age}): what is below is of then"
        found.append(text)
    if now.newest_prediction is None:
        why = "run `altaviz score`" if now.champion else "no model is champion yet: run `altaviz train`, then `altaviz score`"
        found.append(f"There are no predictions: {why}")
    elif now.moment - now.newest_prediction > silent_hours * _HOUR:
        age = hours_ago((now.moment - now.newest_prediction) / _HOUR)
        found.append(f"The newest prediction is from {local_time(now.newest_prediction, UTC)} ({age}): run `altaviz run`")
    return found


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except AltavizError as error:
        st.error(literal(str(error)), icon=":material/error:")
        st.button("Try again", on_click=forget, icon=":material/refresh:")
