"""What a planner does with the chosen alerts. Every act goes through the prediction service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import streamlit as st

from config.errors import NotWrittenError
from serving.alerts.alert_rows import AlertRow
from serving.alerts.life_cycle import allowed
from serving.dashboard.display.alerts import short_name
from serving.dashboard.display.formatting import counted, literal
from serving.dashboard.session import planner, shown_moment
from serving.dashboard.startup import started
from serving.dashboard.writing import why_not, write

_HOURS: Final = (1, 4, 8, 24, 72, 168)
_OUTCOME: Final = "alert_outcome"  # in the session, shown once
_PAST: Final = {"acknowledge": "acknowledged", "shelve": "shelved", "unshelve": "brought back", "assign": "assigned", "close": "closed"}
_MOST_NOTE: Final = 2000  # characters, as the service takes


def work_panel(chosen: Sequence[AlertRow]) -> None:
    """Buttons for what the states allow. Where nothing can be written, they say why."""
    _show_outcome()
    reason = why_not()
    if reason:
        st.caption(f":material/info: {reason}")
    may = {name: [row for row in chosen if name in allowed(row)] for name in _PAST}
    note = st.text_input("Note (kept in the log)", max_chars=_MOST_NOTE, key="alert_note")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _button("Acknowledge", "acknowledge", may, lambda _: {"note": note or None}, ":material/check:", primary=True)
        _shelving(may)
        _button("Bring back", "unshelve", may, lambda _: {}, ":material/undo:")
        _assigning(may)
        _button("Close", "close", may, lambda _: {"note": note or None}, ":material/done_all:")


def _shelving(may: dict[str, list[AlertRow]]) -> None:
    rows, most = may["shelve"], started().settings.thresholds.shelving.most_hours.value
    with st.popover("Shelve", icon=":material/pause:", disabled=not rows or why_not() is not None), st.form("shelve", border=False):
        hours = st.selectbox("For", [hours for hours in _HOURS if hours <= most], index=2, format_func=_hours_text)
        reason = st.text_input("Reason", max_chars=_MOST_NOTE)
        st.caption("Out of sight until then. It returns by itself.")
        if st.form_submit_button("Shelve now", type="primary"):
            if reason.strip():
                until = shown_moment().moment + timedelta(hours=hours)
                _perform("shelve", rows, lambda _: {"until": _iso(until), "reason": reason.strip()})
            st.error("Give a reason: others will ask why it is out of sight.")


def _assigning(may: dict[str, list[AlertRow]]) -> None:
    rows = may["assign"]
    with st.popover("Assign", icon=":material/person_add:", disabled=not rows or why_not() is not None), st.form("assign", border=False):
        to = st.text_input("To", value=planner() or "", max_chars=100, help="Nobody, if it is empty.")
        if st.form_submit_button("Assign now", type="primary"):
            _perform("assign", rows, lambda _: {"to": to.strip() or None})


def _button(
    label: str,
    act: str,
    may: dict[str, list[AlertRow]],
    body: Callable[[AlertRow], dict[str, Any]],
    icon: str,
    *,
    primary: bool = False,
) -> None:
    rows = may[act]
    if st.button(
        label, icon=icon, disabled=not rows or why_not() is not None, type="primary" if primary else "secondary", key=f"act-{act}"
    ):
        _perform(act, rows, body)


def _perform(act: str, rows: Sequence[AlertRow], body: Callable[[AlertRow], dict[str, Any]]) -> None:
    """One request an alert, so that a refused one holds up no other. Then everything is read anew."""
    done, refused = 0, []
    for row in rows:
        try:
            write("POST", f"/v1/alerts/{quote(row.alert_id, safe='~')}/{act}", body(row))
            done += 1
        except NotWrittenError as error:
            refused.append(f"{short_name(row)}: {error}")
    st.session_state[_OUTCOME] = (f"{counted(done, 'alert')} {_PAST[act]}" if done else None, refused)
    st.rerun()


def _show_outcome() -> None:
    done, refused = st.session_state.pop(_OUTCOME, (None, []))
    if done:
        st.success(done, icon=":material/check_circle:")
    for text in refused:
        st.error(literal(text), icon=":material/error:")


def _hours_text(hours: int) -> str:
    return counted(hours, "hour") if hours < 48 else counted(hours // 24, "day")


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
