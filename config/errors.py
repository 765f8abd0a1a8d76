"""The one exception tree of Altaviz.

AltavizError                what a user can mend: one line with what happened, where and what to do; exit code 1
|-- ConfigError             a file under config/ or an environment variable is wrong
|-- HomeError               the home directory cannot be created or written
|-- EnvironmentSetupError   Java, Spark or a jar is missing
|-- InputError              what the user handed over cannot be used
|   |-- NoReadingsError     nothing to load
|   |   `-- AllRefusedError every reading file of an ingest was refused
|   |-- MetadataError       compressor_metadata.csv or maintenance_events.csv is missing or wrong
|   |-- NoDataError         nothing at or before the requested time, or a stage has not run yet
|   |-- MomentError         the requested moment is later than the clock and than every reading
|   |-- RequestError        a request to the prediction service is wrong: a field, what is wrong with it, an HTTP status
|   |-- NotFoundError       an id names no alert, work order or key
|   `-- ConflictError       an act that the present state does not allow: the state, and what it allows
|-- NotReadyError           the prediction service lacks a part that it looks for again by itself
|-- NotWrittenError         what a planner wanted to write did not reach the prediction service, or was refused
|-- DeliveryError           a receiver of notifications did not take a message
|-- WarehouseError          PostgreSQL is down, refuses, or its schema is not what it should be
|-- ServiceError            the prediction service refuses a request of our client, or does not answer (serving/client/errors.py)
`-- ModelError              training, export or registry
    |-- NoChampionError     no model carries the alias `champion`
    |-- ModelMismatchError  a version's file is not the one that was registered or decided on
    `-- ExportError         the ONNX model is not what the Keras model is
"""

from __future__ import annotations

from config.secrets import hide_passwords


class AltavizError(Exception):
    """Root of all errors that a user can mend.

    `str(error)` is one line. Passwords in quoted text are hidden.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(hide_passwords(message))


class ConfigError(AltavizError):
    """A configuration file or an environment variable is wrong."""


class HomeError(AltavizError):
    """The home directory cannot be created or written."""


class EnvironmentSetupError(AltavizError):
    """Java, Spark or one of the Delta jars is missing or does not work."""


class InputError(AltavizError):
    """What the user handed over cannot be used."""


class NoReadingsError(InputError):
    """There is no reading file to load, or none of them can be loaded."""


class AllRefusedError(NoReadingsError):
    """Every reading file of an ingest was refused. `report` is the report of that ingest."""

    def __init__(self, message: str, report: dict[str, object]) -> None:
        super().__init__(message)
        self.report = report


class MetadataError(InputError):
    """Reference data (metadata, maintenance events) is missing or wrong."""


class NoDataError(InputError):
    """Nothing at or before the requested time, or an earlier stage has not run yet."""


class MomentError(InputError):
    """The requested moment is later than now, and no reading reaches it."""


class RequestError(InputError):
    """A request to the prediction service is wrong.

    `problems` are pairs of a field and what is wrong with it. `status` is the HTTP status of the answer.
    """

    def __init__(self, *problems: tuple[str, str], status: int = 422) -> None:
        super().__init__("; ".join(f"{field}: {reason}" for field, reason in problems))
        self.problems = problems
        self.status = status


class NotFoundError(InputError):
    """An id names nothing that there is."""


class ConflictError(InputError):
    """An act that the present state does not allow. `allowed` names the acts that it does."""

    def __init__(self, message: str, state: str, allowed: tuple[str, ...]) -> None:
        super().__init__(f"{message}: it is {state}, which allows {', '.join(allowed) or 'nothing more'}")
        self.state = state
        self.allowed = allowed


class NotReadyError(AltavizError):
    """The prediction service lacks a part, and looks for it again by itself."""


class NotWrittenError(AltavizError):
    """What a planner wanted to write did not reach the prediction service, or was refused. The message is for the planner."""


class DeliveryError(AltavizError):
    """A receiver of notifications did not take a message.

    `reached` says whether it answered. `retry_after_s` is the time that it asked for.
    """

    def __init__(self, message: str, *, reached: bool, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.reached = reached
        self.retry_after_s = retry_after_s


class WarehouseError(AltavizError):
    """PostgreSQL cannot be reached, refuses, or has the wrong schema."""


class ServiceError(AltavizError):
    """The prediction service refuses a request of the client, or does not answer."""


class ModelError(AltavizError):
    """Training, export or the registry failed."""


class NoChampionError(ModelError):
    """No registered model carries the alias `champion`."""


class ModelMismatchError(ModelError):
    """The SHA-256 of a version's file differs from the one in the registry or the warehouse."""


class ExportError(ModelError):
    """The exported ONNX model is not what the Keras model computes."""
