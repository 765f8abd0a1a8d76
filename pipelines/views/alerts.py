"""Shows open alerts and the load of alarms."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from pipelines.runtime.console import open_console as _console


def show_alerts(result: dict[str, Any]) -> None:
    """The open alerts, the worst first, then the load."""
    console = _console()
    shown = len(result["alerts"])
    title = f"Alerts at {result['as_of']:%Y-%m-%d %H:%M} UTC, the worst first: {shown} of {result['open']} that nobody has closed"
    table = Table("compressor", "severity", "state", "raised", "source", "what", title=title, title_justify="left")
    for alert in result["alerts"]:
        raised = f"{alert['raised_at']:%b %d %H:%M}"
        table.add_row(alert["compressor_id"], alert["severity"], alert["state"], raised, alert["source"], alert["message"])
    console.print(table)
    if result["kpis"] is None:
        console.print("No readings by then, so there is no load of alarms to count.")
        return
    load = load_table([("", result["kpis"])])
    load.show_header = False
    load.title = f"Load of alarms, the last {result['kpis']['hours'] / 24:.1f} days"
    console.print(load)
    most = Table("compressor", "type", "alarms", "share", title="Most frequent", title_justify="left")
    for row in result["kpis"]["most_frequent"]:
        most.add_row(row["compressor_id"], row["alert_type"], str(row["alarms"]), f"{row['share']:.1%}")
    console.print(most)


def show_alarm_benchmark(result: dict[str, Any]) -> None:
    """The targets, the load of each fleet with and without grouping, and the alerts before failures."""
    console = _console()
    targets = Table("target", "at most", "measured", "", title="Targets, with grouping", title_justify="left")
    for row in result["targets"]:
        targets.add_row(row["target"], f"{row['most']:g}", f"{row['measured']:g}", "met" if row["met"] else "missed")
    console.print(targets)
    names = {"grouping_on": "grouped", "grouping_off": "not grouped"}
    table = load_table([(f"{fleet['seed']}, {words}", fleet[name]) for name, words in names.items() for fleet in result["fleets"]])
    table.title = f"Load of alarms by fleet, model version {result['model_version']}"
    console.print(table)
    head = ("failures", "first alert", "with one", f"{result['failures']['in_time_days']:g} days before", "share", "from", "to")
    leads = Table(*head, title="Alerts before failures", title_justify="left")
    for kind in ("all", "caught"):
        for source, own in result["failures"][kind].items():
            if source != "failures" and own["share_in_time"] is not None:
                share = [f"{100 * value:.1f} %" for value in (own["share_in_time"], *own["interval"])]
                leads.add_row(
                    f"{kind}, {result['failures'][kind]['failures']}", source, str(own["with_an_alert"]), str(own["in_time"]), *share
                )
    console.print(leads)
    for source, verdicts in result["verdicts"].items():
        console.print(f"{source} alerts: " + ", ".join(f"{number:,} {verdict}" for verdict, number in verdicts.items()))
    console.print(f"done in {result['seconds']} s")


def load_table(loads: list[tuple[str, dict[str, Any]]]) -> Table:
    """One column of numbers for each load (serving.alerts.kpis.AlarmKpis as a dictionary) under its name."""
    table = Table("", *(name for name, _ in loads), title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    rows = [_load(load) for _, load in loads]
    for name in rows[0]:
        table.add_row(name, *(row[name] for row in rows))
    return table


def _load(load: dict[str, Any]) -> dict[str, str]:
    """The numbers that a person reads, by name."""
    read, heard, mix = load["by_reading_time"], load["as_delivered"], load["priority_mix"]
    return {
        "alarms": f"{load['annunciations']:,}",
        "an hour and operator": f"{read['per_hour']:.2f}",
        "most in an hour": f"{read['most_in_an_hour']:g}",
        "most in 10 minutes": f"{read['most_in_a_period']:g}",
        "floods": str(len(read["floods"])),
        "floods without a cause": str(_uncaused(read)),
        "floods as delivered hourly": str(len(heard["floods"])),
        "of these without a cause": str(_uncaused(heard)),
        "stale alerts": f"{load['stale']:,}",
        "chattering": str(load["chattering"]),
        "fleeting alerts": f"{load['fleeting_share']:.1%}",
        "unacknowledged alerts": f"{load['unacknowledged_share']:.1%}",
        "critical": f"{mix['critical']['share']:.1%}",
        "ten most frequent": f"{load['most_frequent_share']:.1%}",
    }


def _uncaused(rate: dict[str, Any]) -> int:
    return sum(flood["cause"] is None for flood in rate["floods"])
