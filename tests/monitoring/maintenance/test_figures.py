"""The figure of maintenance policies: dearest on top, each with its interval."""

from __future__ import annotations

from typing import Any

import pytest
from matplotlib.colors import to_hex

from monitoring.maintenance.figures import OTHER_COLOUR, plot_policy_costs
from training.diagnostics.plots import MODEL_COLOUR


def report(interval_days: float | None) -> dict[str, Any]:
    usd = {"act_by": 300_000, "fixed_interval": 400_000, "perfect_foresight": 150_000}
    return {
        "interval_days": interval_days,
        "threshold_hours": {"warning": 1, "critical": 2},
        "predicted_life_days": 15.0,
        "policies": {name: {"usd_per_compressor_year": mean, "interval": [mean - 10_000, mean + 30_000]} for name, mean in usd.items()},
    }


def test_bars_rise_to_the_dearest_policy_and_show_thousands_of_usd() -> None:
    (axis,) = plot_policy_costs(report(20.3), 0.95).axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["perfect foresight", "act_by of Altaviz", "fixed interval, 20.3 d"]
    bars = axis.patches
    assert [bar.get_width() for bar in bars] == [150, 300, 400]  # type: ignore[attr-defined]
    assert [text.get_text() for text in axis.texts] == ["150 (140 to 180)", "300 (290 to 330)", "400 (390 to 430)"]
    (interval,) = axis.collections
    ends = [tuple(path.vertices[:, 0]) for path in interval.get_paths()]  # type: ignore[index]
    assert ends == [pytest.approx((140, 180)), pytest.approx((290, 330)), pytest.approx((390, 430))]


def test_only_the_policy_of_altaviz_has_its_colour() -> None:
    (axis,) = plot_policy_costs(report(20.3), 0.95).axes
    assert [to_hex(bar.get_facecolor()).upper() for bar in axis.patches] == [OTHER_COLOUR, MODEL_COLOUR.upper(), OTHER_COLOUR]


def test_an_interval_that_never_pays_is_named_so() -> None:
    (axis,) = plot_policy_costs(report(None), 0.95).axes
    assert "fixed interval, none pays" in [label.get_text() for label in axis.get_yticklabels()]
