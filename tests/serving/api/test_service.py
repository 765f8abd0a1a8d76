"""The service as a client meets it: `altaviz serve` in a process of its own, over HTTP, with a real database, registry and gold table."""

from __future__ import annotations

import gc
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mlflow
import mlflow.onnx
import onnx
import polars as pl
import pytest
from deltalake import write_deltalake

from config.errors import NotReadyError
from config.settings import load_settings
from features.contract import CHAMPION, DATA_FAULTS, FROZEN, SENSORS, STATUS_FEATURES, WINDOW_STEPS
from features.lake import COMPRESSORS, EVENTS, GOLD, Lake
from features.reference_tables.tables import COMPRESSOR_KEY, EVENT_KEY, EVENT_SCHEMA, merge_reference
from features.sensor_health.fault import Fault, encode_faults
from pipelines.runtime.mlflow_runs import tracked_run
from serving.api import service as service_module
from serving.api.backend import Backend, ServiceParts
from serving.registry.client import Registry
from serving.warehouse.connection import open_warehouse
from tests.conftest import PROJECT
from tests.folders import TemporaryDirectory
from tests.pipelines.console_script import refusal_of, report_of
from tests.serving.api.running import Running, serving, wait_for
from tests.serving.api.wrong_requests import FLEET_PATH, window, wrong_requests
from tests.serving.gold import gold_row, mean_model, write_gold

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
AS_OF = "2026-03-09T12:00:00Z"
FLEET = {"C-1": 5.0, "C-2": 20.0, "C-3": 10.0}  # vibration, and so what mean_model says
SILENT = "C-4"  # known, with no reading in the last days
DEAD_AT = NOW - timedelta(days=3)  # when the link of SILENT had been dead for a day


def build_home(home: Path) -> None:
    """A lake with four compressors, a day of gold of three, and an older one of the fourth, whose link was dead."""
    lake = Lake(str(home / "lake"))
    metadata = pl.DataFrame(
        {"compressor_id": [*FLEET, SILENT], "model": "Ariel JGK/4", "horsepower": 1480.0, "install_date": None, "station_id": "STATION-A"}
    ).with_columns(pl.col("install_date").cast(pl.Date))
    merge_reference(lake, COMPRESSORS, metadata, COMPRESSOR_KEY)
    rows = [
        gold_row(name, NOW - timedelta(hours=hour), **dict.fromkeys(("vibration_1hr_mean", "vibration_4hr_mean"), level))
        for name, level in FLEET.items()
        for hour in range(WINDOW_STEPS)
    ]
    since = round((DEAD_AT - timedelta(days=1)).timestamp() * 1e6)
    dead = {
        **dict.fromkeys(STATUS_FEATURES),
        DATA_FAULTS: encode_faults([Fault(sensor, FROZEN, since) for sensor in SENSORS]),
    }
    rows += [gold_row(SILENT, DEAD_AT - timedelta(hours=hour), **dead) for hour in range(WINDOW_STEPS)]
    write_gold(Path(lake.uri(GOLD)), rows)


def make_champion(home: Path) -> None:
    settings = load_settings(home, environ={})
    with tracked_run(settings, "test"):
        logged = mlflow.onnx.log_model(
            onnx.load_from_string(mean_model().onnx), name="model", save_as_external_data=False, pip_requirements=["onnxruntime"]
        )
    registry = Registry(settings.tracking_uri)
    registry.set_alias(CHAMPION, registry.register(logged.model_uri, mean_model().facts, {}))


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    # not tmp_path: the embedded server's own user must be able to pass through, and pytest shuts its folders
    with TemporaryDirectory(prefix="altaviz-") as folder:
        home = Path(folder)
        build_home(home)
        make_champion(home)
        with serving(home) as running:
            yield running


def query(home: Path, text: str) -> list[tuple[Any, ...]]:
    settings = load_settings(home, environ={})
    with open_warehouse(settings.database, home) as warehouse, warehouse.connection() as connection:
        return connection.execute(text).fetchall()  # type: ignore[arg-type]


def forget_events(home: Path) -> None:
    """As if no event had ever been told, in the lake and in the warehouse."""
    write_deltalake(Lake(str(home / "lake")).uri(EVENTS), pl.DataFrame(schema=EVENT_SCHEMA), mode="overwrite", schema_mode="overwrite")
    query(home, "WITH gone AS (DELETE FROM maintenance_events RETURNING 1) SELECT * FROM gone")


def test_a_score_ranks_the_fleet_and_is_written(service: Running) -> None:
    answer = service.score(as_of=AS_OF)
    assert [(row["compressor_id"], row["status"], row["rul_days"]) for row in answer["predictions"]] == [
        ("C-1", "ok", 5.0),
        ("C-3", "ok", 10.0),
        ("C-2", "ok", 20.0),
        (SILENT, "stale", None),
    ]
    assert service.score(as_of=AS_OF)["rows_written"] == 0  # the same moment twice writes once
    rows = query(service.home, f"SELECT compressor_id FROM ml_predictions WHERE prediction_timestamp = '{AS_OF}' ORDER BY 1")
    assert [row[0] for row in rows] == [*FLEET, SILENT]


def test_the_service_and_the_batch_job_write_the_same_rows(service: Running) -> None:
    moment = "2026-03-09T11:20:00Z"
    columns = """compressor_id, prediction_timestamp, model_version, status, rul_days, rul_lower_days, rul_upper_days, failure_probability,
                 confidence_score, health, horizon_days, reasons, features_used - 'scored_by', act_by, expected_saving_usd"""
    rows = f"SELECT {columns} FROM ml_predictions WHERE prediction_timestamp = '{moment}' ORDER BY 1"
    batch = report_of("score", "--as-of", moment, home=service.home)
    written = query(service.home, rows)
    assert len(written) == 4
    query(service.home, f"WITH gone AS (DELETE FROM ml_predictions WHERE prediction_timestamp = '{moment}' RETURNING 1) SELECT * FROM gone")
    answer = service.score(as_of=moment)
    assert query(service.home, rows) == written
    assert answer["rows_written"] == 4
    assert answer["predictions"] == batch["predictions"]
    assert query(
        service.home, f"SELECT DISTINCT features_used ->> 'scored_by' FROM ml_predictions WHERE prediction_timestamp = '{moment}'"
    ) == [("service",)]


def test_rows_of_the_service_come_out_again(service: Running) -> None:
    moment = "2026-03-09T11:40:00Z"
    service.score(as_of=moment, compressor_ids=["C-1", SILENT])
    again = report_of("reproduce", "--as-of", moment, home=service.home)
    assert [(row["compressor_id"], row["scored_by"], row["differs"]) for row in again["rows"]] == [
        ("C-1", "service", []),
        (SILENT, "service", []),
    ]
    assert again["rows"][0]["numbers"]["rul_days"] == {"stored": 5.0, "recomputed": 5.0, "difference": 0.0}


def test_what_is_scored_now_comes_out_again_by_the_moment_that_was_told(service: Running) -> None:
    told = report_of("score", home=service.home)["as_of"]
    again = report_of("reproduce", "--as-of", told, home=service.home)
    assert [(row["prediction_timestamp"], row["differs"]) for row in again["rows"]] == [(told, [])] * 4
    answered = datetime.fromisoformat(service.score(compressor_ids=[SILENT])["as_of"])
    assert answered.microsecond == 0  # as the batch job
    fraction = "2026-03-09T11:45:00.250000Z"  # told whole where somebody asked for one
    service.score(as_of=fraction, compressor_ids=["C-1"])
    (row,) = report_of("reproduce", "--as-of", fraction, home=service.home)["rows"]
    assert row["prediction_timestamp"] == fraction


def test_a_repair_that_is_recorded_while_the_service_runs_counts_from_the_next_request(service: Running) -> None:
    moment, lake = "2026-03-09T10:45:00Z", Lake(str(service.home / "lake"))
    asked = {"as_of": moment, "compressor_ids": ["C-1"]}
    assert service.score(**asked)["predictions"][0]["act_by"] == "2026-03-12"
    repair = {"compressor_id": "C-1", "event_date": datetime(2026, 3, 9, 4, tzinfo=UTC), "event_type": "unscheduled", "downtime_hours": 2.0}
    merge_reference(lake, EVENTS, pl.DataFrame([repair], schema=EVENT_SCHEMA), EVENT_KEY)
    try:
        (row,) = service.score(**asked)["predictions"]
        assert (row["rul_days"], row["act_by"], row["expected_saving_usd"]) == (5.0, None, None)
        assert (
            row["reasons"][-1]
            == "no repair date yet: the readings of the last 24 h begin before the restart after the last failure, repair or service"
        )
        batch = {row["compressor_id"]: row for row in report_of("score", "--as-of", moment, home=service.home)["predictions"]}
        assert batch["C-1"] == row
    finally:
        forget_events(service.home)
    # what was recorded then is what counts, though nothing tells of it any more
    again = report_of("reproduce", "C-1", "--as-of", moment, home=service.home)
    assert again["rows"][0]["differs"] == []
    assert service.score(**asked)["predictions"][0]["act_by"] == "2026-03-12"


def test_only_the_compressors_asked_for_are_scored(service: Running) -> None:
    answer = service.score(compressor_ids=["C-2", "C-1"], as_of="2026-03-09T10:30:00")
    assert [row["compressor_id"] for row in answer["predictions"]] == ["C-1", "C-2"]
    assert answer["rows_written"] == 2


def test_windows_are_predicted_in_their_order_and_nothing_is_written(service: Running) -> None:
    before = query(service.home, "SELECT count(*) FROM ml_predictions")
    answer = service.client.post("/v1/predict", json={"windows": [window(12.0), window(3.0)]}).json()
    assert [row["rul_days"] for row in answer["predictions"]] == [12.0, 3.0]
    assert answer["predictions"][0]["failure_probability"] == pytest.approx(1 / 13, abs=1e-4)
    assert (answer["model_version"], answer["horizon_days"]) == ("1", 3.0)
    assert query(service.home, "SELECT count(*) FROM ml_predictions") == before


def test_the_fleet_is_ranked_from_the_database(service: Running) -> None:
    service.score(as_of=AS_OF)
    answer = service.client.get("/v1/fleet", params={"as_of": AS_OF}).json()
    assert [(row["rank"], row["compressor_id"], row["health"]) for row in answer["compressors"]] == [
        (1, "C-1", "critical"),
        (2, "C-3", "warning"),
        (3, "C-2", "healthy"),
        (4, SILENT, None),
    ]
    assert service.client.get("/v1/fleet", params={"as_of": "2020-01-01"}).json()["compressors"] == []


def test_a_score_of_now_hides_no_usable_prediction_of_a_home_whose_readings_are_old(service: Running) -> None:
    service.score(as_of=AS_OF)
    now = service.score()
    told = {row["compressor_id"]: (row["status"], row["rul_days"], row["last_usable"]) for row in now["predictions"]}
    assert list(told) == ["C-1", "C-3", "C-2", SILENT]
    status, days, usable = told["C-1"]
    assert (status, days, usable["rul_days"], usable["prediction_timestamp"]) == ("stale", None, 5.0, AS_OF)
    assert usable["age_hours"] == pytest.approx((datetime.fromisoformat(now["as_of"]) - NOW) / timedelta(hours=1), abs=0.01)
    assert told[SILENT] == ("stale", None, None)
    fleet = service.client.get("/v1/fleet").json()["compressors"]
    assert [(row["rank"], row["compressor_id"], row["status"], row["rul_days"], row["prediction_timestamp"]) for row in fleet[:3]] == [
        (1, "C-1", "stale", 5.0, AS_OF),
        (2, "C-3", "stale", 10.0, AS_OF),
        (3, "C-2", "stale", 20.0, AS_OF),
    ]
    assert {(row["status_timestamp"], row["rul_days_now"], row["health"]) for row in fleet[:3]} == {(now["as_of"], 0.0, "critical")}
    assert (fleet[0]["age_hours"] - usable["age_hours"], fleet[3]["rul_days"]) == (pytest.approx(0, abs=0.1), None)


def test_a_repair_ends_what_the_fleet_says_of_a_silent_compressor_from_the_next_request(service: Running) -> None:
    def shown() -> Any:
        rows = service.client.get("/v1/fleet", params={"as_of": moment}).json()["compressors"]
        return next(row["rul_days"] for row in rows if row["compressor_id"] == "C-3")

    moment, lake = (NOW + timedelta(hours=6)).isoformat(), Lake(str(service.home / "lake"))
    service.score(as_of=AS_OF)
    service.score(as_of=moment)
    assert shown() == 10.0
    repair = {"compressor_id": "C-3", "event_date": NOW + timedelta(hours=5), "event_type": "unscheduled"}
    merge_reference(lake, EVENTS, pl.DataFrame([repair], schema=EVENT_SCHEMA), EVENT_KEY)
    try:
        assert shown() is None
    finally:
        forget_events(service.home)


def test_a_dead_link_is_bad_data_in_every_answer_and_in_the_metrics(service: Running) -> None:
    moment = DEAD_AT.isoformat()
    (scored,) = service.score(compressor_ids=[SILENT], as_of=moment)["predictions"]
    (row,) = service.client.get("/v1/fleet", params={"as_of": moment}).json()["compressors"]
    told = [{"sensor": "all", "fault": "frozen", "since": "2026-03-05T12:00:00Z", "detail": "no change for 24 h: the link is dead"}]
    for answer in (scored, row):
        assert (answer["compressor_id"], answer["status"], answer["rul_days"], answer["data_faults"]) == (SILENT, "bad_data", None, told)
    assert row["health"] is None
    assert 'altaviz_predictions_total{status="bad_data"} 1.0' in service.client.get("/metrics").text
    schemas = service.client.get("/openapi.json").json()["components"]["schemas"]
    assert schemas["DataFault"]["required"] == ["sensor", "fault", "since", "detail"]
    for name in ("PredictionAnswer", "FleetRow"):
        assert schemas[name]["properties"]["status"]["enum"] == ["ok", "insufficient_history", "stale", "bad_data"]
        assert schemas[name]["properties"]["data_faults"]["items"]["$ref"].endswith("/DataFault")


def test_health_metrics_and_description_are_there(service: Running) -> None:
    for path in ("/livez", "/healthz", "/readyz"):
        assert service.client.get(path).status_code == 200
    service.score(as_of=AS_OF)
    assert "altaviz" in service.client.get("/metrics").text
    paths = service.client.get("/openapi.json").json()["paths"]
    assert {"/v1/score", "/v1/predict", "/v1/fleet", "/readyz", "/metrics"} <= paths.keys()


def test_a_hundred_wrong_requests_are_told_which_field_is_wrong_and_change_nothing(service: Running) -> None:
    requests = wrong_requests()
    assert len(requests) >= 100
    before = query(service.home, "SELECT count(*) FROM ml_predictions")
    unnamed = []
    for method, path, sent, field in requests:
        answer = service.client.request(method, path, **sent)
        said = f"{method} {path} {str(sent)[:200]} -> {answer.status_code} {answer.text[:300]}"
        assert 400 <= answer.status_code < 500, said
        assert answer.headers["content-type"] == "application/problem+json", said
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert "Traceback" not in answer.text
        if field not in [error["field"] for error in problem["errors"]]:
            unnamed.append(said)
    assert unnamed == []
    assert query(service.home, "SELECT count(*) FROM ml_predictions") == before
    assert service.client.get("/readyz").status_code == 200


def test_without_a_champion_the_service_is_alive_but_not_ready_until_there_is_one() -> None:
    with TemporaryDirectory(prefix="altaviz-") as folder:
        home = Path(folder)
        build_home(home)
        with serving(home, until=503) as running:
            assert running.client.get("/livez").status_code == 200
            unready = wait_for(running.client, 503, saying="run `altaviz train`")
            assert (unready.headers["content-type"], unready.headers["retry-after"]) == ("application/problem+json", "1")
            assert running.client.head("/readyz").status_code == 503
            refused = wait_for(running.client, 503, "POST", "/v1/score", "run `altaviz train`", json={"as_of": AS_OF})
            assert refused.headers["content-type"] == "application/problem+json"
            make_champion(home)
            wait_for(running.client, 200)
            assert running.score(as_of=AS_OF)["model_version"] == "1"


def test_what_is_there_when_it_has_warmed_up_is_not_searched_for_garbage_any_more(tmp_path: Path) -> None:
    def missing(*_: object) -> Any:
        raise NotReadyError("nothing is there")

    backend = Backend(
        ServiceParts(missing, missing, missing, missing, missing, missing), load_settings(tmp_path, environ={}).serving, timedelta(0)
    )
    try:
        service_module._warm_up(backend)
        assert gc.get_freeze_count() > 100 * len(gc.get_objects())
    finally:
        gc.unfreeze()


KEY = "vNq3T0fWJm8yZsQ1xRk7Lc5HdU2pGb9E"  # nobody's


def test_with_a_key_every_request_must_carry_it_and_name_the_service(service: Running) -> None:
    with serving(service.home, until=200, ALTAVIZ_API_KEY=KEY, ALTAVIZ_HOSTS="altaviz.example.com") as running:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": KEY}, {"X-API-Key": KEY[:-1]}):
            refused = running.client.get("/v1/fleet", headers=headers)
            assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
        for headers in ({"Authorization": f"Bearer {KEY}"}, {"X-API-Key": KEY}, {"X-API-Key": KEY, "Host": "altaviz.example.com"}):
            assert running.client.get("/v1/fleet", headers=headers).status_code == 200
        for path in (FLEET_PATH, "/livez", "/metrics", "/openapi.json"):
            refused = running.client.get(path, headers={"X-API-Key": KEY, "Host": "rebound.example.com"})
            assert (refused.status_code, refused.json()["errors"][0]["field"]) == (421, "Host")
        assert running.client.get("/livez").status_code == 200
        _open_one_too_many(running)
        assert running.client.get(FLEET_PATH, headers={"X-API-Key": KEY}).status_code == 200


def _open_one_too_many(running: Running) -> None:
    """Connections that say nothing: the first is closed for the last, long before its time is up."""
    url = running.client.base_url
    most = load_settings(running.home, environ={}).serving.limits.most_connections
    with ExitStack() as opened:
        silent = [opened.enter_context(socket.create_connection((url.host, url.port), timeout=60)) for _ in range(most + 1)]
        started = time.monotonic()
        assert silent[0].recv(1) == b""
        assert time.monotonic() - started < 5


def test_what_is_no_http_request_is_a_problem_too(service: Running) -> None:
    url = service.client.base_url
    for text in (b"nonsense\r\n\r\n", b"GET /livez HTTP/1.1\r\n\r\n", b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"):
        with socket.create_connection((url.host, url.port), timeout=60) as opened, opened.makefile("rb") as answer:
            opened.sendall(text)
            head, _, body = answer.read().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ")
        assert b"application/problem+json" in head
        assert json.loads(body)["status"] == 400


def test_an_address_that_others_can_reach_needs_a_key(service: Running) -> None:
    line = refusal_of("serve", "--host", "0.0.0.0", "--port", "0", home=service.home)  # the point of the test
    assert line == "host 0.0.0.0 can be reached from other computers: set ALTAVIZ_API_KEY, or listen on 127.0.0.1"


def test_a_taken_port_is_one_line(service: Running) -> None:
    port = str(service.client.base_url.port)
    assert refusal_of("serve", "--port", port, home=service.home).startswith(f"cannot listen on 127.0.0.1 port {port}")


def test_importing_the_service_loads_neither_spark_nor_tensorflow() -> None:
    code = (
        "import sys, serving.api.service, serving.api.backend;"
        "print([name for name in ('pyspark', 'delta', 'tensorflow', 'keras', 'tf2onnx', 'training') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_extra_installs_alone_and_is_all_that_the_service_needs(service: Running, tmp_path: Path) -> None:
    uv, python = Path(sys.executable).with_name("uv"), tmp_path / "venv" / "bin" / "python"
    install = [uv, "pip", "install", "--quiet", "--python", python, "--constraint", PROJECT / "requirements.lock"]
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv"],
        [*install, "--requirement", PROJECT / "pyproject.toml", "--extra", "serving"],
    ):
        subprocess.run(command, check=True, cwd=tmp_path)
    absent = "import importlib.util as u; print([n for n in ('pyspark', 'delta', 'tensorflow', 'tf2onnx', 'evidently') if u.find_spec(n)])"
    assert subprocess.run([python, "-c", absent], capture_output=True, text=True, check=True, cwd=tmp_path).stdout.strip() == "[]"
    with serving(service.home, program=(str(python), "-m", "pipelines.cli"), PYTHONPATH=str(PROJECT)) as running:
        assert running.score(compressor_ids=["C-1"], as_of=AS_OF)["predictions"][0]["rul_days"] == 5.0
