"""How an urgency looks: a word, a symbol and a colour, never the colour alone.

Colours are those of Okabe, Ito (2008), which colour-blind people can tell apart. Black text on each has a contrast of at least 5:1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from markupsafe import Markup


@dataclass(frozen=True)
class Look:
    """Of one urgency or severity."""

    word: str
    symbol: str
    colour: str
    shape: str  # of a mark in a chart


LOOKS: Final = {
    "critical": Look("critical", "▲", "#E8743B", "triangle-up"),
    "warning": Look("warning", "◆", "#E69F00", "diamond"),
    "healthy": Look("healthy", "●", "#2FB58C", "circle"),
    "unknown": Look("unknown", "?", "#9AA3AD", "square"),
}
URGENCIES: Final = tuple(LOOKS)
INFO: Final = Look("info", "i", "#56B4E9", "circle")


def look_of(urgency: str) -> Look:
    """The look of an urgency or a severity; unknown names get that of `unknown`."""
    return LOOKS.get(urgency, INFO if urgency == "info" else LOOKS["unknown"])


def badge(urgency: str) -> Markup:
    """Symbol and word on the colour."""
    look = look_of(urgency)
    return Markup('<span class="az-badge az-{0}"><span aria-hidden="true">{1}</span> {2}</span>').format(urgency, look.symbol, look.word)
