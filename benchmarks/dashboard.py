"""How fast the planner's pages are in a browser: `python -m benchmarks.dashboard --home DIR`.

DIR is a home, or the folder that `altaviz benchmark warehouse --data DIR` has filled. The first visit of a browser and later ones are timed apart,
because the first one loads the program of the pages. Needs the development dependencies and a Chromium.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

FIRST_PAINT_LIMIT_S: Final = 3.0
INTERACTION_LIMIT_S: Final = 1.0
_PATIENCE_MS: Final = 60_000
_ROW: Final = "table.az-table tbody tr"


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--visits", type=int, default=10)
    asked = parser.parse_args()
    with _pages(asked.home) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        first = _first_paint(browser, url)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(_PATIENCE_MS)
        steps: dict[str, list[float]] = {name: [] for name in (*_STEPS, "visit again")}
        for _ in range(asked.visits):
            steps["visit again"].append(_timed(page, lambda: page.goto(url), _ROW))
            for name, step in _STEPS.items():
                steps[name].append(step(page))
        browser.close()
    found: dict[str, Any] = {"first_paint_s": round(first, 2), "visits": asked.visits, "steps": {}}
    for name, times in steps.items():
        found["steps"][name] = {"p50_s": round(float(np.median(times)), 3), "p95_s": round(float(np.quantile(times, 0.95)), 3)}
    found["within_limits"] = first < FIRST_PAINT_LIMIT_S and all(
        row["p95_s"] < (FIRST_PAINT_LIMIT_S if name == "visit again" else INTERACTION_LIMIT_S) for name, row in found["steps"].items()
    )
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


@contextmanager
def _pages(home: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "pipelines.cli", "dashboard", "--home", str(home), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.send_signal(signal.SIGTERM)


def _first_paint(browser: Browser, url: str) -> float:
    page = browser.new_context(viewport={"width": 1280, "height": 1000}).new_page()
    page.set_default_timeout(_PATIENCE_MS)
    seconds = _timed(page, lambda: page.goto(url), _ROW)
    page.close()
    return seconds


def _timed(page: Page, act: Callable[[], object], appears: str) -> float:
    """Seconds from an act until something is visible."""
    started = time.perf_counter()
    act()
    page.locator(appears).first.wait_for()
    return time.perf_counter() - started


def _filter(page: Page) -> float:
    """Choose an urgency: the list then has no other."""
    started = time.perf_counter()
    page.get_by_role("button", name="warning", exact=True).click()
    page.wait_for_function(
        "[...document.querySelectorAll('table.az-table tbody tr .az-badge')].every(item => item.innerText.includes('warning'))"
    )
    return time.perf_counter() - started


def _next_page(page: Page) -> float:
    """Turn to the second page of the list."""
    before = page.locator(_ROW).first.inner_text()
    started = time.perf_counter()
    page.get_by_role("button", name="Next page").click()
    page.wait_for_function("before => document.querySelector('table.az-table tbody tr')?.innerText !== before", arg=before)
    return time.perf_counter() - started


def _drill_down(page: Page) -> float:
    """Follow the first row to its compressor."""
    return _timed(page, lambda: page.locator(f"{_ROW} a").first.click(), ".az-gauges li")


_STEPS: Final[dict[str, Callable[[Page], float]]] = {"filter": _filter, "next page": _next_page, "compressor": _drill_down}

if __name__ == "__main__":
    main()
