from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from config.errors import ConfigError
from config.loader import CONFIG_DIR
from config.sections.costs import CostsConfig
from config.settings import Settings, load_settings


def _with(tmp_path: Path, *path: str, value: Any) -> Settings:
    shipped = yaml.safe_load((CONFIG_DIR / "costs.yaml").read_text())
    inner = shipped
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    (tmp_path / "costs.yaml").write_text(yaml.safe_dump(shipped))
    return load_settings(tmp_path, environ={"ALTAVIZ_CONFIG_DIR": str(tmp_path)})


def test_a_failure_costs_its_days_and_a_day_of_the_next_life_its_share_of_what_ends_it(settings: Settings) -> None:
    costs = settings.costs
    assert (costs.unplanned.days, costs.unplanned.usd) == (1.75, 87_500.0)
    assert costs.next_life_usd_per_day == pytest.approx((0.8 * 15_000 + 0.2 * 87_500) / 38)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("planned", "repair_usd", "value"), 90_000, "below the 87500 USD of a failure"),
        (("planned", "lead_days", "value"), 8, "otherwise no repair is ever due"),
        (("planned", "crews", "value"), 1.5, r"planned\.crews: .*1\.5 repairs: must be a whole number, at least 1"),
        (("next_life", "mean_days", "value"), 0, r"next_life\.mean_days: .*0 days: must be above 0"),
        (("signs_share", "value"), 1.1, r"signs_share: .*1\.1 share: must be from 0 to 1"),
        (
            ("simulation", "threshold_critical_hours", "value"),
            1.5,
            r"simulation\.threshold_critical_hours: .*1\.5 h: must be a whole number, at least 1",
        ),
        (("simulation", "fleet_seeds"), [101, 102, 101], "101 more than once"),
    ],
)
def test_costs_that_no_plan_could_follow_are_refused(tmp_path: Path, path: tuple[str, ...], value: Any, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        _ = _with(tmp_path, *path, value=value).costs


def test_a_plan_that_ends_before_the_first_whole_day_on_which_parts_are_there_is_refused(settings: Settings) -> None:
    said = settings.costs.model_dump()
    said["planned"]["lead_days"]["value"], said["plan_days"]["value"] = 2.5, 2.9
    with pytest.raises(ValidationError, match="otherwise no repair is ever due"):
        CostsConfig.model_validate(said)
    said["plan_days"]["value"] = 3
    assert CostsConfig.model_validate(said).plan_days.value == 3
