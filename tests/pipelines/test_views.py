"""What a person sees of a result: sizes with their meaning, days with the digits that count."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pipelines.views.backup import show_backup, show_restore
from pipelines.views.drift import show_drift

_FACTS: dict[str, Any] = {"made_at": "now", "schema": "0013", "files": 3, "bytes": 237_900_000, "rows": {"a": 2}, "not_covered": {}}


def test_the_size_of_a_backup_is_that_of_its_file_and_of_a_restore_that_of_its_contents(capsys: pytest.CaptureFixture[str]) -> None:
    show_backup({**_FACTS, "file": "f", "home": "h", "lock_held_s": 0.1, "left_out": ["logs"]})
    assert "size of the file, MB" in capsys.readouterr().out
    show_restore({**_FACTS, "file": "f", "home": "h", "from_home": "g", "champion": 1, "database": "d"})
    assert "size of the contents, MB" in capsys.readouterr().out


@pytest.mark.parametrize(("days", "shown"), [(4 + 1 / 3, "4.3"), (21.0, "21")])
def test_the_days_before_of_a_drift_report_have_one_digit(days: float, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    compared = {"compressors": 10, "compared": 9, "baseline_days": days}
    result = {"model_version": "1", "as_of": datetime(2026, 3, 9, tzinfo=UTC), "compared": compared, "features": []}
    show_drift({**result, "data_faults": {"named": []}, "drift": False, "decision": {"retrain": False, "reasons": []}})
    assert f"compared with their own {shown} days before\n" in capsys.readouterr().out
