"""Shows the results of benchmarks."""

from __future__ import annotations

from typing import Any, Final

from rich.table import Table

from pipelines.runtime.console import open_console as _console

_ERRORS: Final = ("rmse_clipped", "score_clipped", "rmse", "score")


def show_ablation(result: dict[str, Any]) -> None:
    """Every variant beside the complete model, over the same seeds."""
    variants = result["variants"]
    names = [name for name in next(iter(variants.values())) if name not in ("changed", "values")]
    table = Table("without", *names, title=f"{result['ablation']}, {result['seeds']} seeds", title_justify="left")
    for variant, numbers in variants.items():
        table.add_row(variant, *(f"{numbers[name]:.3g}" if name in numbers else "-" for name in names))
    console = _console()
    console.print(table)
    console.print(f"MLflow run {result['run_id']}; done in {result['seconds']} s")


def show_cmapss(result: dict[str, Any]) -> None:
    """Each seed, the mean and spread, its interval over other test engines, and the baselines; in cycles."""
    title = f"C-MAPSS {result['subset']}, {result['test_units']} test engines; cycles"
    head = ("RMSE, clipped", "PHM08 score, clipped", "RMSE, raw", "PHM08 score, raw", "inside 90 %", "mean width")
    table = Table("", *head, title=title, title_justify="left")

    def row(name: str, numbers: dict[str, float]) -> None:
        percent = [f"{100 * numbers['coverage_90']:.1f} %", f"{numbers['mean_width_90']:.1f}"] if "coverage_90" in numbers else ["-", "-"]
        errors = [f"{numbers[key]:,.2f}" if key.startswith("rmse") else f"{numbers[key]:,.0f}" for key in _ERRORS]
        table.add_row(name, *errors, *percent)

    for one in result["per_seed"]:
        row(f"seed {one['seed']}", one)
    row("mean", result)
    if "std" in result:
        row("standard deviation", result["std"])
    for name, numbers in result["baselines"].items():
        row(name.replace("_", " "), numbers)
    bands = Table("cycles left", "engines", "RMSE", "inside 90 %", title="By life, clipped", title_justify="left")
    for band in result["rul_bands"]:
        bands.add_row(band["cycles"], str(band["engines"]), f"{band['rmse_clipped']:.2f}", f"{100 * band['coverage_90']:.1f} %")
    console = _console()
    console.print(table)
    console.print(bands)
    lowest, highest = result["intervals"]["rmse_clipped"]
    fewest, most = result["intervals"]["coverage_90"]
    console.print(
        f"With other test engines (bootstrap over engines): RMSE clipped {lowest:.2f} to {highest:.2f}, inside {100 * fewest:.1f} to {100 * most:.1f} %",
        soft_wrap=True,
    )
    for sentence in result["not_won"]:
        console.print(sentence, soft_wrap=True)
    console.print(f"MLflow run {result['run_id']}; done in {result['seconds']} s, {result['peak_rss_mb']:,} MB at most", soft_wrap=True)


def show_sensor_faults(result: dict[str, Any]) -> None:
    """False alarms, then the detected share of each planted fault with its 95 % interval."""
    alarms = result["false_alarms"]
    head = ("planted", "found", "share", "from", "to", "right unit", "median h", "missed")
    kinds, rows = Table("kind", *head, title="Planted faults", title_justify="left"), Table("fault", "sensor", "as", *head)

    def cells(row: dict[str, Any]) -> list[str]:
        share = [f"{100 * value:.1f} %" for value in (row["share"], *row["interval"])]
        hours = "-" if row["median_hours"] is None else f"{row['median_hours']:.1f}"
        missed = ", ".join(f"{name} {number}" for name, number in row["missed"].items())
        return [str(row["planted"]), str(row["found"]), *share, str(row["right_unit"]), hours, missed]

    for row in result["kinds"]:
        kinds.add_row(row["kind"], *cells(row))
    for row in result["planted"]:
        rows.add_row(row["fault"], row["sensor"], row["as"], *cells(row))
    console = _console()
    console.print(kinds)
    console.print(rows)
    console.print(
        f"False alarms: {alarms['with_false_fault']} of {alarms['compressor_days']:,} compressor-days"
        f" (at most {alarms['limit']:g} pass); {alarms['healthy_values_refused']:,} of {alarms['healthy_values']:,} healthy values refused",
        soft_wrap=True,
    )
    console.print(f"done in {result['seconds']} s")


def show_warehouse(result: dict[str, Any]) -> None:
    """Each question with its times, then the hourly write."""
    head = ("p50", "p95", "p99", "most", "server CPU", "whole tables read")
    table = Table("question", *head, title="Warehouse, ms, warm", title_justify="left")
    for name, row in result["questions"].items():
        times = [f"{row[key]:.1f}" for key in ("p50", "p95", "p99", "max", "server_cpu_ms")]
        table.add_row(name, *times, ", ".join(row["large_scans"]) or "-")
    console = _console()
    console.print(table)
    write = result["hourly_write"]
    console.print(
        f"Hourly write: {write['aggregate_rows']:,} aggregates in {write['aggregates_s']} s,"
        f" {write['predictions']:,} predictions in {write['predictions_s']} s",
        soft_wrap=True,
    )
    rows = ", ".join(f"{rows:,} {name}" for name, rows in result["rows"].items())
    console.print(f"Rows: {rows}; load average {result['load_average']}", soft_wrap=True)
    console.print("within the limits" if result["within_limits"] else "NOT within the limits: p95 below 50 ms, hourly write below 10 s")
