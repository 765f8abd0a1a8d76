"""A store of MLflow that is moved and copied: which paths follow, which do not, and when."""

from __future__ import annotations

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import mlflow
import pytest

from config.errors import ModelError
from pipelines.runtime.mlflow_environment import quieten
from serving.home.artifact_paths import follow_home, last_move, local_path

COLUMNS = [
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
    ("datasets", "dataset_source"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a run, a model, a version, a data set, and an experiment with artifacts in a bucket."""
    home = tmp_path_factory.mktemp("made") / "home"
    home.mkdir()
    quieten()
    client = mlflow.MlflowClient(uri(home), uri(home))
    client.create_experiment("elsewhere", artifact_location="s3://bucket/mlartifacts")
    experiment = client.create_experiment("altaviz-rul", artifact_location=(home / "mlartifacts").as_uri())
    run = client.create_run(experiment)
    client.log_text(run.info.run_id, "kept", "note.txt")
    client.create_logged_model(experiment, "model", run.info.run_id)
    client.create_registered_model("altaviz-rul")
    client.create_model_version("altaviz-rul", (home / "mlartifacts" / "models").as_uri(), run.info.run_id)
    with closing(sqlite3.connect(home / "mlflow.db")) as connection, connection:
        source = f'{{"path": "{home}/lake/gold"}}'
        connection.execute("INSERT INTO datasets VALUES ('u', ?, 'gold', 'd', 'delta_dataset_source', ?, NULL, NULL)", [experiment, source])
    return home


def uri(home: Path) -> str:
    return f"sqlite:///{home / 'mlflow.db'}"


def values(home: Path) -> list[str]:
    with closing(sqlite3.connect(home / "mlflow.db")) as connection:
        return [str(row[0]) for table, column in COLUMNS for row in connection.execute(f"SELECT {column} FROM {table} ORDER BY 1")]


def content(home: Path) -> bytes:
    return (home / "mlflow.db").read_bytes()


def test_a_copy_names_its_own_files_and_reads_them_when_the_first_home_is_gone(made: Path, tmp_path: Path) -> None:
    first = shutil.copytree(made, tmp_path / "first")
    follow_home(uri(first))
    copy = shutil.copytree(first, tmp_path / "copy")
    shutil.rmtree(first)
    move = follow_home(uri(copy))
    assert move is not None
    assert (move.origin, move.folder) == (first, copy)
    assert [text for text in values(copy) if str(tmp_path / "first") in text or str(made) in text] == []
    assert f'{{"path": "{copy}/lake/gold"}}' in values(copy)
    client = mlflow.MlflowClient(uri(copy))
    (run,) = client.search_runs([client.get_experiment_by_name("altaviz-rul").experiment_id])
    assert local_path(run.info.artifact_uri) == copy / "mlartifacts" / run.info.run_id / "artifacts"
    new = client.create_run(run.info.experiment_id)
    assert local_path(new.info.artifact_uri) == copy / "mlartifacts" / new.info.run_id / "artifacts"
    assert not first.exists()


def test_a_store_in_its_place_is_not_written_and_artifacts_elsewhere_stay(made: Path) -> None:
    before = content(made)
    assert follow_home(uri(made)) is None
    assert content(made) == before
    assert last_move(uri(made)) is None
    assert "s3://bucket/mlartifacts" in values(made)


def test_doing_it_twice_or_at_once_does_it_once(made: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(made, tmp_path / "copy")
    with ThreadPoolExecutor(4) as pool:
        moves = list(pool.map(follow_home, [uri(copy)] * 4))
    assert len([move for move in moves if move is not None]) == 1
    after = content(copy)
    assert follow_home(uri(copy)) is None
    assert content(copy) == after
    move = last_move(uri(copy))
    assert move is not None
    assert move.origin == made


def test_a_folder_below_the_old_one_gets_the_prefix_once(made: Path, tmp_path: Path) -> None:
    below = shutil.copytree(made, tmp_path / "home" / "home")
    follow_home(uri(below))
    back = shutil.copytree(below, tmp_path / "home", dirs_exist_ok=True)
    follow_home(uri(back))
    assert f"{back.as_uri()}/mlartifacts" in values(back)
    assert not any("home/home" in text for text in values(back))


def test_a_folder_whose_name_only_begins_alike_is_another(made: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(made, tmp_path / "copy")
    with closing(sqlite3.connect(copy / "mlflow.db")) as connection, connection:
        connection.execute("UPDATE runs SET artifact_uri = ?", [f"{made.as_uri()}2/mlartifacts/x"])
    follow_home(uri(copy))
    assert f"{made.as_uri()}2/mlartifacts/x" in values(copy)


def test_a_symbolic_link_to_the_home_is_no_move(made: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(made)
    before = content(made)
    assert follow_home(uri(link)) is None
    assert content(made) == before


def test_a_server_and_a_store_that_is_not_there_are_left_alone(tmp_path: Path) -> None:
    assert follow_home("http://127.0.0.1:1") is None
    assert follow_home(uri(tmp_path)) is None
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_store_is_reported_with_its_path_and_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 100)
    with pytest.raises(ModelError, match=rf"{tmp_path}/mlflow.db cannot be used .*: bring mlflow.db back with `altaviz restore`"):
        follow_home(uri(tmp_path))
