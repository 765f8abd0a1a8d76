"""Shows maintenance policies and their cost."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from pipelines.runtime.console import open_console as _console


def show_policies(result: dict[str, Any]) -> None:
    """The yearly cost of a compressor under each policy, and the saving of `act_by`."""
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
        f"{hours['critical']} h; predicted life: at most {result['predicted_life_days']:g} days (costs.yaml describes how they were chosen)",
        soft_wrap=True,
    )
    console.print("all per compressor-year; the longest waiting compressor is repaired first; false: enough life was left", soft_wrap=True)
    console.print(f"run {result['run_id']}, done in {result['seconds']} s")


def _usd(value: float, interval: list[float]) -> str:
    return f"{value:,.0f} ({interval[0]:,.0f} to {interval[1]:,.0f})"
