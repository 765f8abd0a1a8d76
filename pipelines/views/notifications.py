"""Shows a round of notifications."""

from __future__ import annotations

from typing import Any

from config.plain_text import plain_text
from pipelines.runtime.console import open_console as _console


def show_notifications(result: dict[str, Any]) -> None:
    """What was new, then one line for each channel with what it got and what waits."""
    console = _console()
    told = result["told"]
    console.print(
        f"{told['changes']} changes of alerts: {told['messages']} messages, {told['too_old']} too old to tell; "
        f"{result['alerts_changed']} alerts escalated or returned"
    )
    for name, channel in result["channels"].items():
        line = f"{name}: {channel['sent']} sent, {channel['failed']} failed, {channel['waiting']} wait, {channel['given_up']} given up"
        reason = f" ({plain_text(channel['last_error'])})" if channel["last_error"] else ""
        console.print(line + reason, soft_wrap=True, markup=False, highlight=False)
