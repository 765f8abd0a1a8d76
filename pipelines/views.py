"""What a person sees of a job's result, on stdout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from pipelines.console import open_console as _console
from pipelines.prognostics_view import show_prognostics
from pipelines.reference_view import show_reference
from pipelines.site_view import show_notes

_MOST_NAMED: Final = 10  # compressors of one failed check


def show_books(result: dict[str, Any]) -> None:
    """Rows in, rows out, and everything refused with its reason."""
    console = _console()
    table = Table("what", "rows", title="Readings", title_justify="left")
    for name in ("bronze_rows", "silver_rows", "gold_rows", "pending_rows"):
        table.add_row(name.removesuffix("_rows"), f"{result[name]:,}")
    for reason, rows in result["rejected_rows"].items():
        table.add_row(f"rejected row: {reason}", f"{rows:,}")
    for reason, rows in result["nulled_values"].items():
        table.add_row(f"nulled value: {reason}", f"{rows:,}")
    console.print(table)
    for name, reason in result["rejected_files"].items():
        console.print(f"refused file {name}: {reason}", soft_wrap=True)
    for name in result.get("changing_files", []):
        console.print(f"file {name} changes while it is read: the next run takes it", soft_wrap=True)
    show_reference(console, result)
    show_notes(console, result)
    if "alerts" in result:
        _show_quality(console, result["alerts"], result["quality"])
    console.print(f"done in {result['seconds']} s")


def _show_quality(console: Console, alerts: dict[str, Any], quality: dict[str, Any]) -> None:
    console.print(f"alerts: {alerts['open']:,} open of {alerts['raised']:,} raised; {alerts['suppressed']:,} left out beside worse ones")
    if alerts["data_raised"]:
        console.print(f"data alerts: {alerts['data_open']:,} open of {alerts['data_raised']:,} raised (a sensor has a fault)")
    console.print(f"quality: {quality['failed']:,} of {quality['checks']:,} checks failed; newest day {quality['newest_day']}:", end=" ")
    failed = []
    for row in quality["failed_on_newest_day"]:
        named = f": {_some(list(row['failing']))}" if row["failing"] else ""
        failed.append(f"{row['metric_name']} {row['metric_value']:.4g} (at {row['limit_is']} {row['limit']:g}){named}")
    console.print("; ".join(failed) or "none", soft_wrap=True)


def _some(names: list[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def show_fleet(result: dict[str, Any]) -> None:
    """The ranked fleet: who needs attention, by when, and why."""
    console = _console()
    moment = f"{result['as_of']:%Y-%m-%d %H:%M} UTC"
    table = Table(title=f"Fleet at {moment}, most urgent first (model version {result['model_version']})", title_justify="left")
    table.add_column("compressor")
    table.add_column("RUL, days", justify="right")
    table.add_column("90 % interval", justify="right")
    table.add_column("fails soon", justify="right")
    table.add_column("confidence", justify="right")
    table.add_column("act by")
    table.add_column("saves, USD", justify="right")
    table.add_column("why", overflow="fold")
    for row in result["predictions"]:
        why = "; ".join(row["reasons"])
        if row["status"] != "ok":
            usable = "" if row["last_usable"] is None else f", {describe_usable(row['last_usable'])}"
            table.add_row(row["compressor_id"], "-", "-", "-", "-", "-", "-", f"{row['status']}{usable}: {why}")
            continue
        table.add_row(
            row["compressor_id"],
            f"{row['rul_days']:.1f}",
            f"{row['rul_lower_days']:.1f} to {row['rul_upper_days']:.1f}",
            f"{row['failure_probability']:.0%}",
            f"{row['confidence_score']:.2f}",
            "-" if row["act_by"] is None else f"{row['act_by']:%b %d}",
            "-" if row["expected_saving_usd"] is None else f"{row['expected_saving_usd']:,.0f}",
            why,
        )
    console.print(table)
    faulty = [row["compressor_id"] for row in result["predictions"] if row["data_faults"]]
    if faulty:
        console.print(
            f"data faults: {len(faulty)} of {len(result['predictions'])} compressors ({', '.join(faulty)}): see why", soft_wrap=True
        )
    if result.get("retired"):
        console.print(f"retired, not scored: {', '.join(result['retired'])}", soft_wrap=True)
    horizons = {row["horizon_days"] for row in result["predictions"]}
    console.print(f"fails soon: probability of a failure within {', '.join(f'{days:g}' for days in sorted(horizons))} days")
    if result["predictions"] and all(row["status"] == "stale" for row in result["predictions"]):
        console.print("Every compressor is stale: to look at past readings, say when with --as-of.")


def describe_usable(usable: Mapping[str, Any]) -> str:
    """The last prediction with numbers of a compressor that has none now: "last usable 1.2 d, 3 d 4 h ago, 0.0 d left"."""
    days, hours = divmod(round(usable["age_hours"]), 24)
    age = f"{days} d {hours} h" if days else f"{hours} h"
    return f"last usable {usable['rul_days']:.1f} d, {age} ago, {usable['rul_days_now']:.1f} d left"


def show_drift(result: dict[str, Any]) -> None:
    """The decision with its reasons, and the features that drifted."""
    console = _console()
    compared = result["compared"]
    console.print(
        f"Model version {result['model_version']} at {result['as_of']:%Y-%m-%d %H:%M} UTC: "
        f"{compared['compressors']} compressors, {compared['compared']} of them compared with their own {compared['baseline_days']:g} days before",
        soft_wrap=True,
    )
    drifted = [row for row in result["features"] if row["drifted"]]
    if drifted:
        table = Table("drifted feature", "PSI", "by chance", "KS", "p, adjusted", "effect, sd", "fleet moved by")
        for row in drifted:
            numbers = (row[name] for name in ("psi", "psi_by_chance", "ks", "p_adjusted", "effect", "fleet_shift"))
            table.add_row(row["name"], *("-" if number is None else f"{number:.3g}" for number in numbers))
        console.print(table)
    if result["data_faults"]["named"]:
        columns = ("compressor_id", "sensor", "fault", "since")
        table = Table("compressor", *columns[1:], title="Data faults: no drift, their hours are not compared", title_justify="left")
        for item in result["data_faults"]["named"]:
            table.add_row(*(item[name] for name in columns))
        console.print(table)
    console.print(
        f"drift: {'yes' if result['drift'] else 'no'}; retraining: {'called for' if result['decision']['retrain'] else 'not needed'}"
    )
    _show_reasons(console, result["decision"]["reasons"])


def show_study(result: dict[str, Any]) -> None:
    """The best settings beside those in force, and the command that trains with them."""
    console = _console()
    counts = ", ".join(f"{number} {state}" for state, number in result["trials"].items())
    console.print(f"study {result['study']}: {counts} trials, done in {result['seconds']:.0f} s")
    best, in_force = result["best"], result["default_value_days"]
    said = "have failed" if in_force is None else f"{in_force:.3f}"
    console.print(f"RMSE over held-out compressors: trial {best['number']} {best['value_days']:.3f} days, the settings in force {said}")
    console.print("altaviz train " + " ".join(f"--set {pair}" for pair in result["set_arguments"]), soft_wrap=True)
    console.print("The best of many looks better than it is: train it, and let the gate compare.")


def show_verdict(result: dict[str, Any]) -> None:
    """What became of a training, or why there was none."""
    console = _console()
    said = {"promoted": "promoted: it is champion now", "refused": "refused: the champion stays", "not_needed": "no training needed"}
    version = "no version" if result["version"] is None else f"version {result['version']}"
    console.print(f"{said[result['decision']]} ({version}), done in {result['seconds']:.0f} s")
    _show_reasons(console, result["reasons"])


def _show_reasons(console: Console, reasons: list[str]) -> None:
    for reason in reasons:
        console.print(f"  {reason}", soft_wrap=True)


def show_cycle(result: dict[str, Any]) -> None:
    """The cycle step by step: what came in, the fleet, drift, and what became of the model."""
    show_books(result["features"])
    show_reference(_console(), result["ingest"])
    show_fleet(result["score"])
    show_drift(result["monitor"])
    show_verdict(result["retrain"])
    _console().print(f"cycle done in {result['seconds']:.0f} s")


def show_demo(result: dict[str, Any]) -> None:
    """The books of the demo's readings, the fleet, and what to do next."""
    show_books(result["books"])
    show_fleet(result)
    console = _console()
    if result["training"] is not None:
        console.print("; ".join(result["training"]["reasons"]))
    moment = f"{result['as_of']:%Y-%m-%dT%H:%M:%S}"
    console.print(f"done in {result['seconds']:.0f} s. Next:")
    for command in (
        "altaviz serve",
        f"altaviz monitor --as-of {moment}",
        f"altaviz run --as-of {moment}",
        "altaviz experiments",
        "altaviz status",
    ):
        console.print(f"  .venv/bin/{command}")


def show_checks(result: dict[str, Any]) -> None:
    """One line per check."""
    console = _console()
    for name, check in result["checks"].items():
        console.print(f"{'ok  ' if check['ok'] else 'FAIL'} {name:<14} {check['says']}", soft_wrap=True)


def show_evaluation(result: dict[str, Any]) -> None:
    """What the champion catches and what it costs in false alarms, beside its baseline and bare thresholds, then fleet by fleet."""
    console = _console()
    days = result["protocol"]
    console.print(
        f"Alarm: predicted life below {days['alarm_rul_days']:g} days for {days['alarm_hours']:g} hours in a row. "
        f"Caught: it stands {days['lead_days']:g} days before the failure. False: more than {days['false_alarm_rul_days']:g} days were left."
    )
    methods = {
        f"champion (version {result['model_version']})": result,
        "gradient boosting": result["baseline"],
        **({"perceptron on the window": result["mlp"]} if "mlp" in result else {}),
        "linear trend to threshold": result["linear_trend"],
        **{f"threshold: {level}": numbers for level, numbers in result["thresholds"].items()},
    }
    slow = f"caught, of slow failures ({days['min_degradation_days']:g} days or more)"
    table = Table("method", slow, "caught, of all", "true alarms", "false per healthy month", "median lead, days", "RMSE, days")
    for name, numbers in methods.items():
        table.add_row(name, *_evaluation_cells(numbers))
    for fleet in result["fleets"]:
        table.add_row(f"champion, fleet {fleet['seed']}", *_evaluation_cells(fleet["champion"]))
    console.print(table)
    modes = Table("failure mode", slow, "caught, of all", title="Champion by failure mode", title_justify="left")
    for mode, numbers in result["by_mode"].items():
        modes.add_row(mode, _caught(numbers["failures_5d"]), _caught(numbers["failures"]))
    console.print(modes)
    show_prognostics(console, result)
    if "reasons" in result:
        _show_reasons_judged(console, result["reasons"])
    console.print(f"run {result['run_id']}, done in {result['seconds']} s")


def _show_reasons_judged(console: Console, result: dict[str, Any]) -> None:
    """Share of first reasons that name a sensor of the mode (a leading one), and days that it alone gives back, beside what takes no model."""
    methods = list(result["methods"])
    title = "First reason at the alarm: names a sensor of the failure mode (a leading one), days of life that it alone gives back"
    table = Table("failure mode", "caught", *(method.replace("_", " ") for method in methods), title=title, title_justify="left")
    for mode, group in {"all": result, **result["by_mode"]}.items():
        judged = [group["methods"][method] for method in methods]
        cells = [
            "-" if own["share"] is None else f"{own['share']:.0%} ({own['leading']:.0%}), {own['restored_days']:.1f} d" for own in judged
        ]
        table.add_row(mode, str(group["cases"]), *cells)
    console.print(table)
    alike, chance = result["randomised"], result["randomised"]["among_randomised"]
    rows = {"champion against them": alike, "each two of them": chance}
    table = Table(
        "attributions", "rank correlation", "of sizes", "same first", title=f"{alike['models']} randomised models", title_justify="left"
    )
    for name, row in rows.items():
        shares = [row[column] for column in ("rank_correlation", "rank_correlation_of_sizes", "same_first")]
        table.add_row(name, *("-" if share is None else f"{share:.2f}" for share in shares))
    console.print(table)


def _evaluation_cells(numbers: dict[str, Any]) -> tuple[str, ...]:
    alarms, lead, error = numbers["alarms"], numbers["lead_times_days"]["q50"], numbers.get("rul_rmse_days")
    false = numbers["false_alarms_per_healthy_compressor_month"]
    true = "-" if alarms["precision"] is None else f"{alarms['precision']:.0%} of {alarms['true'] + alarms['false']}"
    return (
        _caught(numbers["failures_5d"]),
        _caught(numbers["failures"]),
        true,
        "-" if false is None else f"{false:.2f}",
        "-" if lead is None else f"{lead:.1f}",
        "-" if error is None else f"{error:.1f}",
    )


def _caught(failures: dict[str, Any]) -> str:
    return "-" if failures["recall"] is None else f"{failures['recall']:.0%} ({failures['caught']} of {failures['n']})"


def show_policies(result: dict[str, Any]) -> None:
    """What a year of a compressor costs under each policy, and how much more than by `act_by`."""
    console = _console()
    lives = result["lives"]
    console.print(
        f"{result['years']} years of a fleet with {result['crews']} crews, from {lives['complete']} lives of {lives['compressors']} compressors. "
        f"Left out: {lives['began_before_the_data']} begun before the data, {lives['cut_by_repair_or_service']} cut by a repair or a service, "
        f"{lives['cut_by_end_of_data']} by the end of the data.",
        soft_wrap=True,
    )
    table = Table("policy", "USD a year (95 %)", "act_by saves (95 %)", "failures", "repairs", "false", "days wasted")
    for name, numbers in result["policies"].items():
        saved = result["differences"].get(name)
        counted = (numbers[f"{what}_per_compressor_year"] for what in ("failures", "repairs", "false_repairs"))
        table.add_row(
            name,
            _usd(numbers["usd_per_compressor_year"], numbers["interval"]),
            "-" if saved is None else _usd(-saved["usd_per_compressor_year"], [-bound for bound in reversed(saved["interval"])]),
            *(f"{number:.2f}" for number in counted),
            f"{numbers['wasted_days_per_compressor_year']:.1f}",
        )
    console.print(table)
    interval = "none pays" if result["interval_days"] is None else f"{result['interval_days']:g} days"
    hours = result["threshold_hours"]
    console.print(
        f"fixed interval: {interval}, chosen on the training history; thresholds: warning for {hours['warning']} h, critical for "
        f"{hours['critical']} h; predicted life: at most {result['predicted_life_days']:g} days (costs.yaml says how they were chosen)",
        soft_wrap=True,
    )
    console.print("all per compressor-year; who has waited longest is served first; false: more than enough life was left", soft_wrap=True)
    console.print(f"run {result['run_id']}, done in {result['seconds']} s")


def _usd(value: float, interval: list[float]) -> str:
    return f"{value:,.0f} ({interval[0]:,.0f} to {interval[1]:,.0f})"


def show_drift_weeks(result: dict[str, Any]) -> None:
    """Week by week what monitoring found, and how many columns Evidently's default calls drifted."""
    console = _console()
    table = Table(title=f"Drift, week by week (model version {result['model_version']})", title_justify="left")
    for name in ("fleet", "week", "drifted features", "prediction PSI", "retrain", "Evidently: training fleet", "days before"):
        table.add_column(name, overflow="fold")
    for week in result["weeks"]:
        found = [f"{item['drifted_columns']} of {item['columns']}" for item in week["evidently"].values()]
        psi = "-" if week["prediction_psi"] is None else f"{week['prediction_psi']:.2f}"
        table.add_row(
            str(week["seed"]), week["week"], ", ".join(week["drifted_features"]) or "-", psi, "yes" if week["retrain"] else "no", *found
        )
    console.print(table)
    for kind, total in result["totals"].items():
        console.print(
            f"{kind}: drift in {total['with_drift']} of {total['weeks']}, retraining in {total['with_retraining']}", soft_wrap=True
        )


def show_facts(result: dict[str, Any]) -> None:
    """Key and value, nested ones indented."""
    console = _console()

    def walk(facts: dict[str, Any], indent: int) -> None:
        for key, value in facts.items():
            if isinstance(value, dict):
                console.print(f"{' ' * indent}{key}:", soft_wrap=True)
                walk(value, indent + 2)
            else:
                console.print(f"{' ' * indent}{key}: {value}", soft_wrap=True)

    walk(result, 0)
