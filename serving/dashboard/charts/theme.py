"""The theme of all charts. Neutral colours depend on whether the page is dark; those that mean something do not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

BLUE: Final = "#0072B2"  # Okabe, Ito (2008)
SKY: Final = "#56B4E9"
VERMILLION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"


@dataclass(frozen=True)
class Neutral:
    """Colours of what stands behind the data."""

    text: str
    faint: str
    grid: str
    line: str  # of the main series
    ground: str


LIGHT: Final = Neutral("#31333F", "#5F6673", "#E6E9EE", "#0072B2", "#FFFFFF")
DARK: Final = Neutral("#F0F2F6", "#A6ADBA", "#343A46", "#56B4E9", "#0E1117")


def neutral(*, dark: bool) -> Neutral:
    """The colours of a light or a dark page."""
    return DARK if dark else LIGHT


def themed(chart: Any, *, dark: bool) -> Any:
    """The chart with fonts, axes and grid as all charts have them."""
    colours = neutral(dark=dark)
    return (
        chart.configure(
            aria=False, background="transparent", font="Source Sans, sans-serif", padding={"left": 2, "right": 6, "top": 4, "bottom": 2}
        )
        .configure_mark(aria=False)  # the chart's text tells screen readers what it shows, not each of its marks
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=colours.faint,
            titleColor=colours.faint,
            gridColor=colours.grid,
            domainColor=colours.grid,
            tickColor=colours.grid,
            labelFontSize=11,
            titleFontSize=11,
            titleFontWeight="normal",
        )
        .configure_legend(labelColor=colours.faint, titleColor=colours.faint, labelFontSize=11, titleFontSize=11, orient="top")
        .configure_title(color=colours.text, fontSize=12, fontWeight=600, anchor="start")
    )


def frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows for a chart. Altair copies lists of rows again and again, a frame never."""
    return pd.DataFrame(list(rows))
