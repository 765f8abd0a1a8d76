"""What `make test-fast` leaves out, and that it fails where something heavy got in all the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.edit_loop import is_light

REFUSED = """
from tests.edit_loop import refuse_heavy_work
refuse_heavy_work()
import subprocess
try:
    {attempt}
except AssertionError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("name", "light"),
    [
        ("features/test_kernels.py", True),
        ("features/test_increments.py", True),  # its tests go by the fixture `spark`
        ("monitoring/drift/test_psi.py", True),
        ("monitoring/drift/test_evidently_report.py", False),
        ("training/network/test_fit.py", False),
        ("pipelines/test_demo.py", False),  # the console script stands between it and all it starts
        ("serving/warehouse/upkeep/test_migrations.py", False),
    ],
)
def test_a_file_is_light_when_nothing_that_it_reaches_is_heavy(name: str, light: bool) -> None:
    assert is_light(PROJECT / "tests" / name) is light


def test_an_import_in_a_function_counts_and_one_for_type_checkers_does_not(tmp_path: Path) -> None:
    late, for_types = tmp_path / "late.py", tmp_path / "for_types.py"
    late.write_text("def run():\n    import keras.layers\n")
    for_types.write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import keras\n")
    assert (is_light(late), is_light(for_types)) == (False, True)


@pytest.mark.parametrize(
    ("attempt", "refusal"),
    [
        ("import tensorflow", "the edit loop imports tensorflow"),
        ("subprocess.run(['/usr/bin/java', '-version'])", "the edit loop starts ['/usr/bin/java', '-version']"),
        ("print('nothing')", "nothing"),
    ],
)
def test_what_is_heavy_is_refused(attempt: str, refusal: str) -> None:
    code = REFUSED.format(attempt=attempt)
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == refusal
