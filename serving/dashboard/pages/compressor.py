"""One compressor: what is predicted, why, what its sensors show, and what happened to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

import streamlit as st
from markupsafe import Markup

from config.errors import NotReadyError, NotWrittenError, ServiceError
from features.aggregates import PREFIXES
from serving.dashboard.charts.history import SensorHistory, Span, event_rows, history_chart, history_rows
from serving.dashboard.charts.life import actual_rows, last_renewal, life_chart, life_rows
from serving.dashboard.charts.times import zone_name
from serving.dashboard.charts.waiting import waiting_charts, waiting_rows, waiting_text
from serving.dashboard.display.bars import life_bar
from serving.dashboard.display.cards import Card, cards
from serving.dashboard.display.fleet_table import left_by_now
from serving.dashboard.display.formatting import day_from, days, hours_ago, literal, local_time, number, percent, short_date, usd, zone_of
from serving.dashboard.display.record_tables import alert_columns, event_columns, work_columns
from serving.dashboard.display.sensors import SENSOR_NAMES, gauges, sensor_limits
from serving.dashboard.display.table import html_table
from serving.dashboard.display.units import conversion
from serving.dashboard.display.urgency import badge
from serving.dashboard.drawing import draw
from serving.dashboard.head import show_head
from serving.dashboard.links import ALERT, COMPRESSOR, WORK_ORDER, go_to, link
from serving.dashboard.queries.fleet import compressor_ids
from serving.dashboard.queries.own_level import own_levels
from serving.dashboard.session import is_dark, read, unit_system
from serving.dashboard.startup import started
from serving.dashboard.states import show_empty
from serving.dashboard.writing import ask, why_not, write
from serving.messages.fields import MomentQuery
from serving.messages.work_orders import WorkOrderDetailAnswer
from serving.warehouse.fleet import CompressorRecord, read_compressor

_SPANS: Final = {"2 days": 2, "7 days": 7, "30 days": 30, "90 days": 90}
_FIRST_SENSORS: Final = ["Vibration", "Discharge temperature", "Discharge pressure"]
_LIKELY: Final = 0.5  # a failure within the horizon is more likely than not
_LONGEST_LIFE_DAYS: Final = 30.0
_DAYS_OF_WAITING: Final = 14


def show() -> None:
    """The page."""
    show_head("Compressor")
    known = read(compressor_ids)
    asked = st.query_params.get(COMPRESSOR)
    if asked is not None and asked not in known:
        show_empty(f"There is no compressor {asked} in service", "Choose another one.")
    choice, span_choice, _ = st.columns([1.2, 1.4, 2], vertical_alignment="bottom")
    with choice:
        chosen = st.selectbox("Compressor", known, index=None, key=COMPRESSOR, bind="query-params", placeholder="Choose a compressor")
    with span_choice:
        span_name = st.segmented_control("History of", list(_SPANS), default="7 days", required=True, key="days", bind="query-params")
    record = None if chosen is None else read(read_compressor, chosen, _SPANS[span_name])
    if record is None:
        return
    zone = zone_of(record.standing["time_zone"])
    span = Span(record.moment - timedelta(days=_SPANS[span_name]), record.moment, zone)
    renewed = last_renewal(record.events, record.moment)
    _standing(record, zone, renewed)
    _gauges(record)
    _histories(record, span)
    _life(record, span)
    _waiting(record)
    _records(record, zone)


def _standing(record: CompressorRecord, zone: tzinfo, renewed: datetime | None) -> None:
    """What is predicted, why, and the button that begins the work."""
    row = record.standing
    place = " · ".join(str(part) for part in (row["station_id"], row["town"], row["basin"], row["model"]) if part)
    st.html(
        Markup('<h2 class="az-name">{0} {1} <span class="az-faint">{2}</span></h2>').format(
            row["compressor_id"], badge(row["urgency"]), place
        )
    )
    st.html(cards(standing_cards(record, renewed)))
    warning = likely_too_late(row, record.moment)
    if warning:
        st.html(Markup('<div class="az-banner" role="status">{0}</div>').format(warning))
    why, act = st.columns([3, 1])
    with why:
        reasons = Markup("").join(Markup("<li>{0}</li>").format(reason) for reason in row["reasons"] or ["no prediction yet"])
        faults = Markup("").join(
            Markup("<li><b>{0}: {1}</b> {2}</li>").format(fault.get("sensor"), fault.get("fault"), fault.get("detail") or "")
            for fault in row["data_faults"]
        )
        title = Markup("<b>{0}</b>").format("Why")
        st.html(Markup('{0}<ul class="az-reasons">{1}{2}</ul>').format(title, reasons, faults))
        lower, upper = (left_by_now(row[end], row["age_hours"]) for end in ("rul_lower_days", "rul_upper_days"))
        bar = life_bar(row["rul_days_now"], lower, upper, row["urgency"])
        told = f"predicted {local_time(row['prediction_timestamp'], zone)} by model version {row['model_version']}"
        st.html(Markup('{0} <span class="az-faint">{1}</span>').format(bar, told if row["model_version"] else ""))
    with act:
        _draft(record)


def standing_cards(record: CompressorRecord, renewed: datetime | None) -> list[Card]:
    """The numbers of one compressor."""
    row, moment = record.standing, record.moment
    power = conversion("hp", unit_system())
    age = "unknown" if renewed is None else f"{(moment - renewed) / timedelta(days=1):.0f} d"
    rul = "–" if row["rul_days_now"] is None else days(row["rul_days_now"])
    horizon = "" if row["horizon_days"] is None else f"within {row['horizon_days']:g} days"
    return [
        Card("Remaining life", rul, _life_note(row), row["urgency"]),
        Card("Act by", short_date(row["act_by"]), day_from(row["act_by"], moment) or "no date yet"),
        Card("Saving", usd(row["expected_saving_usd"]), "planned instead of failed"),
        Card("Fails", percent(row["failure_probability"]), horizon),
        Card("Open alerts", f"{row['open_alerts']}", f"{row['unacknowledged_alerts']} not acknowledged"),
        Card("Last reading", hours_ago(row["reading_age_hours"]), local_time(row["last_hour"], zone_of(row["time_zone"]))),
        Card("Since renewal", age, "failure, repair or service"),
        Card("Rated power", power.text(row["horsepower"]), f"in service since {row['install_date']}" if row["install_date"] else ""),
    ]


def _life_note(row: Mapping[str, Any]) -> str:
    """The interval of a prediction that holds, else its status."""
    if row["status"] != "ok" or row["rul_lower_days"] is None:
        return str(row["status"] or "not scored").replace("_", " ")
    lower, upper = (left_by_now(row[end], row["age_hours"]) for end in ("rul_lower_days", "rul_upper_days"))
    return f"{number(lower)} to {number(upper)} d holds 90 % of lives"


def likely_too_late(row: Mapping[str, Any], moment: datetime) -> str | None:
    """The sentence for a machine that probably fails before its repair is due; None for any other."""
    probability, act_by = row["failure_probability"], row["act_by"]
    if probability is None or act_by is None or row["status"] != "ok" or probability < _LIKELY:
        return None
    ahead = (act_by - moment.astimezone(UTC).date()) / timedelta(days=1)
    if ahead < row["horizon_days"]:
        return None
    return (
        f"It will probably fail before the repair: {percent(probability)} within {row['horizon_days']:g} days, and parts and a crew "
        f"are there {day_from(act_by, moment)} at the earliest. Decide whether it should be stopped until then."
    )


def _draft(record: CompressorRecord) -> None:
    """The button that drafts a work order, or the reason why it cannot; open orders are one link away."""
    compressor_id = record.standing["compressor_id"]
    for order in record.work_orders:
        st.html(
            Markup('<div class="az-state"><b>Work order {0}</b> <a href="{1}">{2}</a></div>').format(
                order["status"], link("work-orders", **{WORK_ORDER: order["work_order_id"]}), order["work_order_id"]
            )
        )
    reason = why_not()
    if st.button(
        "Draft a work order", type="primary", icon=":material/assignment_add:", disabled=reason is not None, help=reason, width="stretch"
    ):
        try:
            answer = WorkOrderDetailAnswer.model_validate(write("POST", "/v1/work-orders", {"compressor_id": compressor_id}))
        except NotWrittenError as error:
            st.error(literal(str(error)), icon=":material/error:")
        else:
            address = link("work-orders", **{WORK_ORDER: answer.work_order.work_order_id})
            st.success(f"Drafted [{answer.work_order.work_order_id}]({address})")
            go_to(address)
    if reason is not None:
        st.caption(reason.capitalize())


def _gauges(record: CompressorRecord) -> None:
    st.subheader("Sensors against their limits", anchor=False)
    if record.newest_hour is None:
        show_empty("No readings", "No hour of this compressor has readings. The Data page says what was refused.")
        return
    thresholds = started().settings.thresholds
    sensors = sensor_limits(thresholds, record.standing["model"])
    st.html(gauges(sensors, newest_values(record), unit_system()))


def newest_values(record: CompressorRecord) -> dict[str, float | None]:
    """The mean of the newest hour of each sensor."""
    newest = record.newest_hour or {}
    return {sensor: newest.get(f"{prefix}_avg") for sensor, prefix in PREFIXES.items()}


def _histories(record: CompressorRecord, span: Span) -> None:
    st.subheader("Sensor history", anchor=False)
    names = {name: sensor for sensor, name in SENSOR_NAMES.items()}
    chosen = st.pills(
        "Sensors",
        list(names),
        selection_mode="multi",
        default=_FIRST_SENSORS,
        key="sensor",
        bind="query-params",
        label_visibility="collapsed",
    )
    if not record.hour_rows:
        show_empty(
            "No readings in this time", f"The last one came {hours_ago(record.standing['reading_age_hours'])}. Choose a longer history."
        )
        return
    st.caption(
        f"Line: hourly mean, with its range. Green: normal band. Blue band: its own normal, learned in the first days of this life; beyond it is an alert. "
        f"Dashed: limits. Times in {zone_name(span.last, span.zone)}."
    )
    own, rules = read(own_levels, record.standing["compressor_id"], record.moment), started().settings.quality.alerts.own_normal
    events = event_rows(record.events, span)
    system = unit_system()
    for limits in sensor_limits(started().settings.thresholds, record.standing["model"]):
        if limits.name not in chosen:
            continue
        shown = conversion(limits.unit, system)
        level = own.get(limits.sensor)
        reach = 0.0 if level is None else rules.limit_spreads.value * level.spread
        history = SensorHistory(limits, shown, history_rows(record.hours, limits.sensor, shown, span.zone), level, reach)
        chart = history_chart(history, events, span, dark=is_dark())
        draw(chart, f"{limits.name} of {record.standing['compressor_id']}, hourly, with its normal band and limits")


def _life(record: CompressorRecord, span: Span) -> None:
    st.subheader("Remaining life, and what came true", anchor=False)
    lives = life_rows(record.predictions, span)
    if not lives:
        show_empty(
            "No predictions in this time", "`altaviz score` writes one at a time. Choose a longer history, or wait for the next hour."
        )
        return
    actual = actual_rows(record.events, span, _LONGEST_LIFE_DAYS)
    chart = life_chart(lives, actual, event_rows(record.events, span), span, dark=is_dark())
    told = "; dashed: the life that was left before a failure" if actual else ""
    st.caption(f"Line: predicted days left. Band: the interval that holds 90 % of lives{told}.")
    draw(chart, f"Predicted life of {record.standing['compressor_id']}: {len(lives)} predictions, newest {lives[-1]['rul']} days")


def _waiting(record: CompressorRecord) -> None:
    """What if the repair waits? The service answers: it has the model that predicted."""
    st.subheader("What if we wait?", anchor=False)
    row = record.standing
    if row["rul_days"] is None:
        show_empty("No numbers to wait by", "This compressor has no usable prediction.")
        return
    try:
        answer = ask(lambda client: client.waiting(row["compressor_id"], MomentQuery(as_of=started().as_of)))
    except (ServiceError, NotReadyError) as error:
        show_empty("The service does not say what waiting does", str(error))
        return
    rows = waiting_rows(answer, _DAYS_OF_WAITING)
    due = "no repair is due yet" if answer.act_by is None else f"the repair is due {short_date(answer.act_by)} (orange)"
    st.caption(f"For each day that a planned repair waits; {due}. Grey: before parts can be there ({answer.earliest_day} days).")
    for place, chart in zip(st.columns(2), waiting_charts(rows, dark=is_dark()), strict=True):
        with place:
            draw(chart, waiting_text(rows, answer.act_by))


def _records(record: CompressorRecord, zone: tzinfo) -> None:
    tables: list[tuple[str, list[dict[str, Any]], Any, str]] = [
        (
            "Alerts",
            record.alerts,
            alert_columns(zone, lambda key: link("alerts", **{ALERT: key})),
            "No alert is open, and none was closed in this time.",
        ),
        (
            "Work orders",
            record.work_orders,
            work_columns(zone, lambda key: link("work-orders", **{WORK_ORDER: key})),
            "No work order is open.",
        ),
        ("Maintenance", record.events, event_columns(zone), "No maintenance event is known: its age is unknown too."),
    ]
    for title, rows, columns, nothing in tables:
        st.subheader(title, anchor=False)
        if rows:
            st.html(html_table(rows, columns, f"{title} of {record.standing['compressor_id']}"))
        else:
            st.html(Markup('<span class="az-faint">{0}</span>').format(nothing))
