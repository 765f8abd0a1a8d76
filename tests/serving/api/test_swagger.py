"""Swagger UI in a real browser: every file comes from the service, and a key opens its requests."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.chromium import open_chromium
from tests.serving.api.running import Running, serving

KEY = "vNq3T0fWJm8yZsQ1xRk7Lc5HdU2pGb9E"  # nobody's


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_chromium() as opened:
        yield opened


def test_the_root_leads_to_the_page_whose_files_all_come_from_the_service(service: Running) -> None:
    root = service.client.get("/")
    assert (root.status_code, root.headers["location"]) == (307, "/docs")
    page = service.client.get("/docs")
    policy = page.headers["content-security-policy"]
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'; script-src 'self'" in policy
    assert "://" not in page.text + policy
    names = re.findall(r"(?:src|href)=\"([^\"]+)\"", page.text)
    assert len(names) == 4
    for name in names:
        answer = service.client.get(name)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "max-age=86400")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert service.client.head(name).status_code == 200
    for path in ("/docs/", "/docs/redoc.standalone.js", "/docs/%2e%2e/core.py", "/docs/%2e%2e%2fcore.py"):
        assert service.client.get(path).status_code == 404


def test_a_key_opens_the_requests_of_the_page_and_no_other_host_is_asked(service: Running, browser: Browser) -> None:
    with serving(service.home, ALTAVIZ_API_KEY=KEY) as running:
        url = str(running.client.base_url).rstrip("/")
        asked: list[str] = []
        wrong: list[str] = []
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(url)
        page.wait_for_url("**/docs")
        page.locator("button.authorize").first.click()
        page.locator(".auth-container input").first.fill(KEY)
        page.locator(".auth-btn-wrapper button.authorize").first.click()
        page.locator("button.btn-done").first.click()
        fleet = page.locator(".opblock", has=page.locator("[data-path='/v1/fleet']"))
        fleet.locator(".opblock-summary-control").click()
        fleet.locator("button.execute").click()
        answer = fleet.locator(".live-responses-table tbody .response-col_status").first
        answer.wait_for()
        assert answer.inner_text().startswith("200")
        assert {address for address in asked if not address.startswith((url, "data:", "blob:"))} == set()
        assert wrong == []
        page.close()
