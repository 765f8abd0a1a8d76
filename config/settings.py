"""All settings of Altaviz, from YAML files and the environment.

The files lie under config/, or in ALTAVIZ_CONFIG_DIR. Importing this module reads nothing. A command calls
`load_settings` once and hands sections on.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

from config.dotenv import home_variables, project_variables
from config.errors import ConfigError, HomeError
from config.loader import CONFIG_DIR, Section, load_section
from config.sections.ablation import AblationConfig
from config.sections.costs import CostsConfig
from config.sections.database import DatabaseConfig
from config.sections.etl import EtlConfig
from config.sections.evaluation import EvaluationConfig
from config.sections.fleet import FleetConfig
from config.sections.model import ModelConfig
from config.sections.monitoring import MonitoringConfig
from config.sections.planner.dashboard import DashboardConfig
from config.sections.planner.notifications import NotificationsConfig
from config.sections.planner.work_orders import WorkOrdersConfig
from config.sections.quality import QualityConfig
from config.sections.retraining import RetrainingConfig
from config.sections.scoring import ScoringConfig
from config.sections.serving import ServingConfig
from config.sections.simulator import SimulatorConfig
from config.sections.thresholds import ThresholdsConfig
from config.sections.tuning import TuningConfig

SectionT = TypeVar("SectionT", bound=Section)

DEFAULT_HOME = Path("var")
# polars percent-encodes any other character and then does not find the file
_READABLE_PATH = re.compile(r"[A-Za-z0-9/_.~+@=:,&()!'-]*")
_OWN_VARIABLES = ("ALTAVIZ_LAKE_URI", "ALTAVIZ_TRAINING_LAKE_URI", "ALTAVIZ_INBOX")


@dataclass(frozen=True)
class Settings:
    """The home directory and each configuration section, loaded on first use.

    `model_overrides` maps `section.key` to a typed value, such as {"fit.epochs": 3} for model_config.yaml.
    """

    home: Path
    config_dir: Path
    environ: Mapping[str, str] = field(repr=False)  # holds passwords
    model_overrides: Mapping[str, Any]

    @cached_property
    def etl(self) -> EtlConfig:
        """etl_config.yaml."""
        return self._load("etl_config.yaml", EtlConfig)

    @cached_property
    def thresholds(self) -> ThresholdsConfig:
        """thresholds.yaml."""
        return self._load("thresholds.yaml", ThresholdsConfig)

    @cached_property
    def fleet(self) -> FleetConfig:
        """fleet.yaml."""
        return self._load("fleet.yaml", FleetConfig)

    @cached_property
    def database(self) -> DatabaseConfig:
        """database.yaml."""
        return self._load("database.yaml", DatabaseConfig)

    @cached_property
    def simulator(self) -> SimulatorConfig:
        """simulator.yaml."""
        return self._load("simulator.yaml", SimulatorConfig)

    @cached_property
    def model(self) -> ModelConfig:
        """model_config.yaml, with the overrides."""
        return self._load("model_config.yaml", ModelConfig, self.model_overrides)

    @cached_property
    def tuning(self) -> TuningConfig:
        """tuning.yaml. The values of its space have passed the schema of model_config.yaml."""
        config = self._load("tuning.yaml", TuningConfig)
        for key, values in config.space.items():
            if key in self.model_overrides:
                raise ConfigError(f"{key} is both searched (tuning.yaml) and set (--set): remove it from one of them")
            for value in values.tried:
                self._try_model({key: value}, f"{self.config_dir / 'tuning.yaml'}: space.{key}")
        return config

    @cached_property
    def ablation(self) -> AblationConfig:
        """ablation.yaml. Its variants have passed the schema of model_config.yaml."""
        config = self._load("ablation.yaml", AblationConfig)
        for part in ("compressors", "cmapss"):
            for name, changes in getattr(config, part).items():
                self._try_model(changes, f"{self.config_dir / 'ablation.yaml'}: {part}.{name}")
        return config

    @cached_property
    def scoring(self) -> ScoringConfig:
        """scoring.yaml."""
        return self._load("scoring.yaml", ScoringConfig)

    @cached_property
    def costs(self) -> CostsConfig:
        """costs.yaml."""
        return self._load("costs.yaml", CostsConfig)

    @cached_property
    def evaluation(self) -> EvaluationConfig:
        """evaluation.yaml."""
        return self._load("evaluation.yaml", EvaluationConfig)

    @cached_property
    def quality(self) -> QualityConfig:
        """quality.yaml."""
        return self._load("quality.yaml", QualityConfig)

    @cached_property
    def monitoring(self) -> MonitoringConfig:
        """monitoring.yaml."""
        return self._load("monitoring.yaml", MonitoringConfig)

    @cached_property
    def retraining(self) -> RetrainingConfig:
        """retraining.yaml."""
        return self._load("retraining.yaml", RetrainingConfig)

    @cached_property
    def serving(self) -> ServingConfig:
        """serving.yaml."""
        return self._load("serving.yaml", ServingConfig)

    @cached_property
    def dashboard(self) -> DashboardConfig:
        """dashboard.yaml."""
        return self._load("dashboard.yaml", DashboardConfig)

    @cached_property
    def work_orders(self) -> WorkOrdersConfig:
        """work_orders.yaml."""
        return self._load("work_orders.yaml", WorkOrdersConfig)

    @cached_property
    def notifications(self) -> NotificationsConfig:
        """notifications.yaml. A secret that stands in the file itself is refused."""
        config = self._load("notifications.yaml", NotificationsConfig)
        known = set(self.environ.values())
        for key, secret in config.secrets().items():
            if secret not in known:
                raise ConfigError(
                    f"{self.config_dir / 'notifications.yaml'}: {key} stands in the file: put it into the environment or .env, "
                    "and write ${NAME} with the name of its variable"
                )
        return config

    @property
    def lake_uri(self) -> str:
        """Root of the Delta tables: a URI from the configuration, or a path below the home."""
        return self.etl.lake.uri or str(self.home / "lake")

    @property
    def training_lake_uri(self) -> str:
        """Root of the lake whose gold models are trained on.

        It is the configured one, else `<home>/history/lake` if that exists, else the home's own.
        """
        history = self.home / "history" / "lake"
        return self.etl.lake.training_uri or (str(history) if (history / "gold").is_dir() else self.lake_uri)

    @property
    def inbox(self) -> Path:
        """Folder that the hourly cycle ingests from."""
        return Path(self.etl.ingest.inbox or self.home / "inbox")

    @property
    def tracking_uri(self) -> str:
        """MLflow's tracking and registry store: MLFLOW_TRACKING_URI, else SQLite below the home."""
        return self.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self.home / 'mlflow.db'}"

    @property
    def tuning_storage(self) -> str:
        """Database of the studies: the configured one, else SQLite below the home."""
        return self.tuning.storage or f"sqlite:///{self.home / 'tuning.db'}"

    @property
    def artifact_dir(self) -> Path | None:
        """The artifacts folder beside a SQLite tracking store. None when a server keeps them."""
        prefix = "sqlite:///"
        return (
            Path(self.tracking_uri.removeprefix(prefix)).absolute().parent / "mlartifacts" if self.tracking_uri.startswith(prefix) else None
        )

    def below(self, folder: str) -> Settings:
        """Settings of a separate home inside this one.

        It has its own lake, whatever lake the environment names.
        """
        environ = {name: value for name, value in self.environ.items() if name not in _OWN_VARIABLES}
        return dataclasses.replace(self, home=self.home / folder, environ=environ)

    def with_model(self, values: Mapping[str, Any]) -> Settings:
        """These settings with `values` by dotted key over model_config.yaml and the overrides."""
        return dataclasses.replace(self, model_overrides={**self.model_overrides, **values})

    def without_overrides(self) -> Settings:
        """These settings as the files give them, without `model_overrides`."""
        return dataclasses.replace(self, model_overrides={})

    def _try_model(self, values: Mapping[str, Any], where: str) -> None:
        try:
            _ = self.with_model(values).model
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from None

    def _load(self, name: str, model: type[SectionT], overrides: Mapping[str, Any] | None = None) -> SectionT:
        return load_section(self.config_dir / name, model, self.environ, overrides)


SECTIONS: Final = tuple(name for name, item in vars(Settings).items() if isinstance(item, cached_property))  # one for each YAML file


def load_settings(
    home: Path | None = None, *, environ: Mapping[str, str] | None = None, model_overrides: Mapping[str, Any] | None = None
) -> Settings:
    """Settings for `home` (else ALTAVIZ_HOME, else ./var).

    The environment wins over the home's `.env`, which wins over the project's. Given `environ`, no file is
    read. Raises ConfigError for a `.env` that another user may write. Each section is checked on first use.
    """
    project = project_variables() if environ is None else {}
    environment = {**project, **(os.environ if environ is None else environ)}
    named = home or environment.get("ALTAVIZ_HOME")
    chosen = Path(named or DEFAULT_HOME).expanduser().absolute()
    if environ is None:
        environment = {**project, **home_variables(chosen, named=bool(named)), **os.environ}
    directory = Path(environment["ALTAVIZ_CONFIG_DIR"]) if environment.get("ALTAVIZ_CONFIG_DIR") else CONFIG_DIR
    return Settings(chosen, directory, environment, dict(model_overrides or {}))


def ensure_home(home: Path) -> None:
    """Create `home`, and prove that it is writable and its tables readable. Raises HomeError."""
    if not _READABLE_PATH.fullmatch(str(home)):
        raise HomeError(
            f"home {home} has a blank or another character that Delta readers cannot open: choose another with --home or ALTAVIZ_HOME"
        )
    probe = home / f".write-probe-{os.getpid()}"
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise HomeError(f"home {home} cannot be written ({error.strerror}): choose another with --home or ALTAVIZ_HOME") from error
