"""What `make pictures` does with a browser: pictures of the planner's pages on a copy of the demo's home.

Run as `python -m pipelines.documentation.screenshots`. Without the browser Chromium, one line says so and nothing else happens.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from config.errors import InputError
from config.settings import Settings
from pipelines.commands.options import CommonOptions, HomeOption, run_job
from pipelines.documentation.pictures import FOLDER
from pipelines.runtime.console import StageReporter
from pipelines.runtime.terminal import PlainConsole

TODAY, COMPRESSOR, ALERTS, WORK_ORDER = "today.png", "compressor.png", "alerts.png", "work-order.png"
MOST_BYTES: Final = 150_000  # of a picture
_CHROMIUM: Final = ("chromium", "chromium-browser", "google-chrome")
_WIDTH: Final = 1280  # pixels
_HEIGHTS: Final = {TODAY: 890, COMPRESSOR: 1280, ALERTS: 1200, WORK_ORDER: 1040}  # pixels
_COLOURS: Final = (128, 64, 32, 16)  # of a picture: as many as its size allows
_PATIENCE_MS: Final = 120_000
_STARTING_S: Final = 120  # that the service may take to start
_PLANNER: Final = "Ana"
_PRIVATE, _READABLE, _PASSABLE = 0o077, 0o644, 0o711  # a home, a picture, a folder that the database's user passes through
_DRAWN: Final = """() => document.querySelector('h1') && !document.querySelector('[data-testid=stStatusWidget], [data-testid=stSkeleton]')
    && [...document.querySelectorAll('[data-testid=stVegaLiteChart]')].every(chart => chart.querySelector('canvas, svg.marks'))"""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(home: HomeOption = None, out: Annotated[Path, typer.Option("--out", help="Folder to write the pictures to.")] = FOLDER) -> None:
    """Take pictures of the planner's pages on a copy of a demo home."""
    browser = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if browser is None:
        PlainConsole().print(f"not taken: {', '.join(_HEIGHTS)}. This machine has no Chromium", soft_wrap=True)
        return
    out.mkdir(parents=True, exist_ok=True)
    os.umask(_PRIVATE)

    def job(settings: Settings, report: StageReporter) -> dict[str, Any]:
        with _copy(settings.home, report) as copy, report.stage("pages"), _pages_of(copy) as url, _visit(browser, url) as page:
            return {"written": take_pictures(page, url, out)}

    run_job(job, _show, CommonOptions(home, as_json=False))


def take_pictures(page: Page, url: str, out: Path) -> list[Path]:
    """Walk from the list of a fleet to a work order, and write a picture of each page into `out`.

    The order is drafted. `url` is where `altaviz dashboard` answers.
    """
    page.goto(url)
    _drawn(page)
    first = page.get_by_role("table").first.locator("tbody a").first
    name, address, written = first.inner_text(), f"{url}/{first.get_attribute('href')}", [_take(page, TODAY, out)]
    draft = page.get_by_role("button", name="Draft a work order")
    page.goto(address)
    _drawn(page)
    for _ in range(_STARTING_S):
        if draft.is_enabled():
            break
        page.wait_for_timeout(1000)
        page.reload()
        _drawn(page)
    else:
        raise InputError("the service of the pages did not start: try `altaviz serve` on this home")
    written.append(_take(page, COMPRESSOR, out))
    page.goto(f"{url}/alerts?id={quote(name)}")
    _drawn(page)
    page.get_by_role("table").first.locator("tbody a").first.click()
    page.wait_for_url(re.compile("alert="))
    _drawn(page)
    written.append(_take(page, ALERTS, out))
    page.goto(address)
    _drawn(page)
    draft.click()
    page.wait_for_url(re.compile("order=WO-"))
    _drawn(page)
    return [*written, _take(page, WORK_ORDER, out)]


def small_png(picture: bytes, most_bytes: int = MOST_BYTES) -> bytes:
    """A PNG with the most colours that its size allows. Raises InputError when even the fewest are too much."""
    whole = Image.open(io.BytesIO(picture)).convert("RGB")
    for colours in _COLOURS:
        stream = io.BytesIO()
        whole.quantize(colours, dither=Image.Dither.NONE).save(stream, "PNG", optimize=True)
        if stream.tell() <= most_bytes:
            return stream.getvalue()
    raise InputError(
        f"a picture of {whole.width} x {whole.height} pixels has more than {most_bytes:,} bytes: take a smaller part of the page"
    )


def _drawn(page: Page) -> None:
    """Wait until the page stands, with its charts, and runs no more."""
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.wait_for_function(_DRAWN)
    page.wait_for_load_state("networkidle")
    page.wait_for_function(_DRAWN)


def _take(page: Page, name: str, out: Path) -> Path:
    page.set_viewport_size({"width": _WIDTH, "height": _HEIGHTS[name]})
    _drawn(page)
    path = out / name
    path.write_bytes(small_png(page.screenshot(animations="disabled")))
    path.chmod(_READABLE)
    return path


@contextmanager
def _copy(home: Path, report: StageReporter) -> Iterator[Path]:
    """A copy of a home, which may be in use."""
    with tempfile.TemporaryDirectory(prefix="altaviz-") as folder:
        Path(folder).chmod(_PASSABLE)
        file, copy = Path(folder) / "home.tar.gz", Path(folder) / "home"
        with report.stage("copy"):
            _altaviz("backup", str(file), "--home", str(home))
            _altaviz("restore", str(file), "--home", str(copy))
        yield copy


def _altaviz(*words: str) -> None:
    done = subprocess.run(_command(words), capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"`altaviz {' '.join(words)}` failed: {done.stderr.strip().splitlines()[-1]}")


def _command(words: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "pipelines.cli", *words]


@contextmanager
def _pages_of(home: Path) -> Iterator[str]:
    """The address of `altaviz dashboard` on a home."""
    command = _command(("dashboard", "--home", str(home), "--port", "0", "--json"))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        answer = json.loads(process.stdout.readline() or "{}")
        try:
            if "url" not in answer:
                raise InputError(f"the pages do not start: {answer.get('error', 'no answer')}")
            yield str(answer["url"])
        finally:
            process.send_signal(signal.SIGTERM)


@contextmanager
def _visit(browser: str, url: str) -> Iterator[Page]:
    """A light page of a planner who has given a name."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        try:
            context = opened.new_context(color_scheme="light", reduced_motion="reduce", viewport={"width": _WIDTH, "height": 1000})
            context.set_default_timeout(_PATIENCE_MS)
            expect.set_options(timeout=_PATIENCE_MS)
            context.add_cookies([{"name": "altaviz_planner", "value": _PLANNER, "url": url}])
            yield context.new_page()
        finally:
            opened.close()


def _show(result: dict[str, Any]) -> None:
    console = PlainConsole()
    for path in result["written"]:
        console.print(f"{path} is taken", soft_wrap=True)


if __name__ == "__main__":
    app()
