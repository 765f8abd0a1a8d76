"""The planner's pages in a real browser, with the real service behind them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, expect

from config.settings import load_settings
from serving.dashboard.registry import PAGES
from serving.warehouse.connection import Warehouse
from serving.warehouse.migrations import migrated_warehouse
from tests.chromium import open_chromium
from tests.folders import TemporaryDirectory
from tests.pipelines.console_script import surroundings
from tests.serving.dashboard.conftest import fill_fleet

PATIENCE_MS = 60_000  # a loaded machine starts pages slowly; a quiet one needs a second
ADDRESSES = {"today": "", "compressor": "compressor?id=C-1", "alerts": "alerts?alert=C-1~vibration_mms_high~20260309T030000Z"}


@dataclass
class Site:
    """Pages that answer, and their warehouse."""

    url: str
    warehouse: Warehouse


@dataclass
class Visit:
    """One visitor's page, and what went wrong on it."""

    page: Page
    site: Site
    errors: list[str] = field(default_factory=list)

    def open(self, address: str = "") -> Page:
        """The page at an address, once it is drawn."""
        self.page.goto(f"{self.site.url}/{address}")
        self.drawn()
        return self.page

    def drawn(self) -> None:
        """Wait until the page stands and runs no more."""
        expect(self.page.get_by_role("heading", level=1)).to_be_visible(timeout=PATIENCE_MS)
        expect(self.page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def site(browser: Browser) -> Iterator[Site]:
    """`altaviz dashboard` on a home with a small fleet, as a planner starts it."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        with migrated_warehouse(load_settings(home, environ={}).database, home) as warehouse:
            with warehouse.connection() as connection:
                fill_fleet(connection)
            command = [sys.executable, "-m", "pipelines.cli", "dashboard", "--home", folder, "--port", "0", "--json"]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=surroundings({})) as process:
                assert process.stdout is not None
                yield Site(json.loads(process.stdout.readline())["url"], warehouse)
                process.send_signal(signal.SIGTERM)
                assert process.wait(timeout=60) == 0


@pytest.fixture(params=["light"])
def visit(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Iterator[Visit]:
    """A visitor who has given her name. At the end nothing may have gone wrong."""
    context = browser.new_context(color_scheme=request.param, viewport={"width": 1280, "height": 1000})
    context.set_default_timeout(PATIENCE_MS)
    context.add_cookies([{"name": "altaviz_planner", "value": "Ana%20Ruiz", "url": site.url}])
    seen = Visit(context.new_page(), site)

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            seen.errors.append(f"{seen.page.url}: {message.text}")

    def asked(dialog: Dialog) -> None:
        seen.errors.append(f"a script ran: {dialog.message}")
        dialog.dismiss()

    seen.page.on("console", heard)
    seen.page.on("dialog", asked)
    seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
    yield seen
    context.close()
    assert seen.errors == []


def rows_of(page: Page, table: str) -> list[str]:
    """The first cell of each row of a table."""
    return [text.split("\n")[0] for text in page.get_by_role("table", name=table).locator("tbody th").all_inner_texts()]


def test_from_the_first_page_to_a_work_order_in_three_clicks(visit: Visit) -> None:
    page = visit.open()
    expect(page.get_by_role("table").first.locator("tbody tr").first).to_contain_text("vibration 24 h mean up 66%")
    page.get_by_role("link", name="C-1", exact=True).click()
    draft = page.get_by_role("button", name="Draft a work order")
    expect(draft).to_be_enabled(timeout=PATIENCE_MS)
    draft.click()
    page.wait_for_url(re.compile(r"order=WO-\d+"), timeout=PATIENCE_MS)
    with visit.site.warehouse.connection() as connection:
        row = connection.execute("SELECT compressor_id, status, drafted_by, act_by::text FROM work_orders").fetchone()
    assert row == ("C-1", "draft", "Ana Ruiz", "2026-03-12")
    visit.drawn()
    expect(page.get_by_role("main")).to_contain_text("WO-000001")


def test_filters_stand_in_the_address_and_a_reload_shows_the_same(visit: Visit) -> None:
    page = visit.open("?show=all")
    table = "Compressors, most urgent first"
    assert rows_of(page, table)[:3] == ["C-1", "C-2", "C-3"]
    page.get_by_role("button", name="warning", exact=True).click()
    page.wait_for_url(re.compile("urgency=warning"))
    expect(page.get_by_role("table", name=table).locator("tbody tr")).to_have_count(1)
    page.reload()
    visit.drawn()
    assert rows_of(page, table) == ["C-2"]


def test_an_alert_is_acknowledged_and_shelved_by_its_planner(visit: Visit) -> None:
    page = visit.open("alerts")
    page.get_by_role("link", name=re.compile("^vibration 8.2")).click()
    acknowledge = page.get_by_role("button", name="Acknowledge", exact=True)
    expect(acknowledge).to_be_enabled(timeout=PATIENCE_MS)
    acknowledge.click()
    expect(page.get_by_text("1 alert acknowledged")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Shelve", exact=True).click()
    page.get_by_label("Reason").fill("crew is on its way")
    page.get_by_role("button", name="Shelve now").click()
    expect(page.get_by_text("1 alert shelved")).to_be_visible(timeout=PATIENCE_MS)
    log = page.get_by_role("table", name=re.compile("^Log of C-1")).locator("tbody tr")
    expect(log.last).to_contain_text("crew is on its way")
    with visit.site.warehouse.connection() as connection:
        row = connection.execute("SELECT acknowledged_by, shelved_by, shelve_reason FROM alert_history").fetchone()
    assert row == ("Ana Ruiz", "Ana Ruiz", "crew is on its way")


def test_a_keyboard_leads_from_the_list_to_the_compressor_and_back(visit: Visit) -> None:
    page = visit.open()
    page.get_by_role("link", name="C-2", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("compressor\\?id=C-2"))
    visit.drawn()
    page.go_back()
    visit.drawn()
    assert rows_of(page, "Compressors, most urgent first")[:2] == ["C-1", "C-2"]


def test_text_from_files_never_runs(visit: Visit) -> None:
    """The fleet has a compressor, an event and an alert with a script in their text; a dialog would be an error of the visit."""
    page = visit.open("?show=all")
    page.get_by_role("link", name="<img src=x onerror=alert(1)>").click()
    page.wait_for_url(re.compile("compressor"))
    visit.drawn()
    visit.open("compressor?id=C-1")
    expect(page.get_by_text("<img src=x onerror=alert(1)>").first).to_be_attached()
    assert page.locator("img[src='x']").count() == 0


@pytest.mark.parametrize("visit", ["light", "dark"], indirect=True)
def test_pages_have_no_serious_barrier(visit: Visit) -> None:
    found = []
    for entry in PAGES:
        page = visit.open(ADDRESSES.get(entry.path, entry.path))
        page.wait_for_function("document.fonts.status === 'loaded'")
        for violation in Axe().run(page).response["violations"]:
            if violation["impact"] in ("serious", "critical"):
                targets = [node["html"][:200] for node in violation["nodes"][:3]]
                found.append((entry.path, violation["id"], targets))
    assert found == []
