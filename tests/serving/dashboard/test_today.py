"""The page that answers which compressors need attention, by when, and why."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import psycopg
from streamlit.testing.v1 import AppTest

from config.loader import CONFIG_DIR
from config.settings import load_settings
from serving.dashboard.queries.fleet import ORDERS, FleetFilter, fleet_page
from serving.dashboard.queries.moment import stand_at
from serving.dashboard.shell import named
from serving.dashboard.startup import Startup
from serving.warehouse.fleet import FleetQuestion, read_fleet_page
from serving.warehouse.migrations import migrated_warehouse
from serving.warehouse.tables import upsert_predictions
from tests.serving.dashboard.conftest import NOW, REASON, UNTRUSTED, ShowPage, prediction


def html_of(app: AppTest) -> str:
    assert not app.exception
    return "\n".join(element.proto.body for element in app.get("html"))


def names(page: str) -> list[str]:
    return [name for name in ("C-1", "C-2", "C-3", "&lt;img") if f">{name}" in page]


def test_the_most_urgent_compressor_stands_first_with_its_date_and_reason(show: ShowPage) -> None:
    page = html_of(show("today"))
    first = page.split("<tbody>")[1].split("</tr>")[0]
    for text in ('href="compressor?id=C-1"', "critical", "2.0 d", "Thu 12 Mar", "in 3 days", "$16,554", "80 %", REASON, "1 new"):
        assert text in first


def test_the_page_ranks_the_fleet_as_the_service_does(rows: psycopg.Connection) -> None:
    """A date to act by moves nobody: of two critical machines the one with less life left stands first."""
    upsert_predictions(
        rows, [prediction("C-2", NOW + timedelta(seconds=1), 6.0, NOW.date()), prediction("C-3", NOW + timedelta(seconds=1), 5.0)]
    )
    stand_at(rows, NOW + timedelta(minutes=1))
    shown = [row.compressor_id for row in fleet_page(rows, FleetFilter(), ORDERS[0], 0, 10)]
    assert shown == [row["compressor_id"] for row in read_fleet_page(rows, FleetQuestion()).rows]
    assert shown[:3] == ["C-1", "C-3", "C-2"]


def test_healthy_compressors_are_shown_on_request(show: ShowPage) -> None:
    assert names(html_of(show("today"))) == ["C-1", "C-2", "&lt;img"]
    assert names(html_of(show("today", show="all"))) == ["C-1", "C-2", "C-3", "&lt;img"]


def test_the_address_filters_by_station_and_urgency(show: ShowPage) -> None:
    assert names(html_of(show("today", station="S-2"))) == ["&lt;img"]
    assert names(html_of(show("today", urgency="warning"))) == ["C-2"]


def test_text_from_files_is_shown_as_text(show: ShowPage) -> None:
    page = html_of(show("today", show="all"))
    assert UNTRUSTED not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_a_replay_says_of_when_it_is(show: ShowPage) -> None:
    assert "Replay: the fleet as of Mon 9 Mar 2026 06:00 UTC" in html_of(show("today"))


def test_a_home_without_compressors_says_what_to_run(show: ShowPage, tmp_path: Path) -> None:
    with ExitStack() as resources:
        settings = load_settings(tmp_path, environ={})
        resources.enter_context(migrated_warehouse(settings.database, tmp_path))
        page = html_of(show("today", Startup(settings, resources=resources)))
    assert "no compressors yet: run `altaviz demo`" in page


def test_a_database_that_is_down_is_one_sentence_and_a_button(show: ShowPage, tmp_path: Path) -> None:
    config = tmp_path / "config"
    shutil.copytree(CONFIG_DIR, config, ignore=shutil.ignore_patterns("*.py", "sections", "site", "__pycache__"))
    database = (config / "database.yaml").read_text(encoding="utf-8")
    (config / "database.yaml").write_text(database.replace("connect_timeout_s: 5", "connect_timeout_s: 2"), encoding="utf-8")
    settings = load_settings(
        tmp_path, environ={"DB_HOST": "127.0.0.1", "DB_PORT": "1", "DB_PASSWORD": "x", "ALTAVIZ_CONFIG_DIR": str(config)}
    )
    app = show("today", Startup(settings))
    assert not app.exception
    assert "127.0.0.1:1" in app.error[0].value
    assert [button.label for button in app.button] == ["Try again"]


def test_the_shell_has_the_products_name_and_tells_the_browser_its_server() -> None:
    named_shell = named(b"<head><title>Streamlit</title><title>x</title></head>")
    assert named_shell.startswith(b"<head><title>Altaviz</title><script>window.__streamlit = {BACKEND_BASE_URL:")
    assert named_shell.endswith(b"</script><title>x</title></head>")
