"""Shows a study and a decision of the gate."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from pipelines.runtime.console import open_console as _console


def show_study(result: dict[str, Any]) -> None:
    """The best settings beside those in force, and the command that trains with them."""
    console = _console()
    counts = ", ".join(f"{number} {state}" for state, number in result["trials"].items())
    console.print(f"study {result['study']}: {counts} trials, done in {result['seconds']:.0f} s")
    best, in_force = result["best"], result["default_value_days"]
    present = "failed" if in_force is None else f"{in_force:.3f}"
    console.print(f"RMSE over held-out compressors: trial {best['number']} {best['value_days']:.3f} days, the settings in force {present}")
    console.print("altaviz train " + " ".join(f"--set {pair}" for pair in result["set_arguments"]), soft_wrap=True)
    console.print("The best of many trials is optimistic: train with these settings, and let the gate compare.")


def show_verdict(result: dict[str, Any]) -> None:
    """The decision on a training, or why there was none."""
    console = _console()
    outcomes = {"promoted": "promoted: it is champion now", "refused": "refused: the champion stays", "not_needed": "no training needed"}
    version = "no version" if result["version"] is None else f"version {result['version']}"
    console.print(f"{outcomes[result['decision']]} ({version}), done in {result['seconds']:.0f} s")
    show_reasons(console, result["reasons"])


def show_reasons(console: Console, reasons: list[str]) -> None:
    for reason in reasons:
        console.print(f"  {reason}", soft_wrap=True)
