"""The prediction service without HTTP: windows and compressors in, predictions out and into the warehouse.

The job that starts the service passes in how to open each part. Champion and warehouse may be missing. Then requests that need them fail
with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

import numpy as np
import psycopg
from deltalake import DeltaTable
from psycopg_pool import PoolTimeout

from config.errors import AltavizError, MomentError, NoDataError, NotReadyError, RequestError, WarehouseError
from config.logs import get_log
from config.sections.serving import ServingConfig
from features.arrays import Float32s
from features.reference_tables.renewals import Renewals
from serving.access.keyring import StoredKeys
from serving.access.stored import ApiWrite, read_keys, record_write
from serving.api.champion import Champion, ChampionSource
from serving.api.gold_cache import GoldVersion, KnownCompressors, ReadT, VersionCache, read_fleet, read_newest
from serving.api.known_events import NO_EVENTS, KnownEvents, read_events
from serving.api.recovery import Recovering
from serving.assessment import Numbers
from serving.prediction.moments import require_reached
from serving.prediction.predictor import require_data
from serving.prediction.repair_date import ages_at
from serving.schemas import LatestPrediction, Prediction, present_moment
from serving.warehouse import tables
from serving.warehouse.connection import Warehouse
from serving.work_orders.reported_events import waiting_events


@dataclass(frozen=True)
class ServiceParts:
    """How each part is opened. A missing part raises an AltavizError, and is opened again later."""

    champion: ChampionSource
    warehouse: Callable[[], AbstractContextManager[Warehouse]]  # its schema up to date
    gold: Callable[[], DeltaTable]
    compressors: Callable[[], DeltaTable]
    events: Callable[[], DeltaTable]
    sync_reference: Callable[[Warehouse], None]  # fleet, events and rules into the warehouse, where predictions and views need them
    alert_predictions: Callable[[psycopg.Connection, Sequence[Prediction]], None]  # write what these predictions raise or resolve


@dataclass(frozen=True)
class Scored:
    """Predictions that were written."""

    model_version: str
    as_of: datetime
    predictions: list[Prediction]  # most urgent first
    rows_written: int  # inserted or changed
    last_usable: dict[str, LatestPrediction]  # of compressors without numbers that had some


@dataclass(frozen=True)
class Predicted:
    """The predictions for some windows, in their order."""

    model_version: str
    horizon_days: float
    numbers: list[Numbers | None]  # None: too little data


class Backend:
    """One per process, shared by its threads."""

    def __init__(
        self, parts: ServiceParts, config: ServingConfig, clock_skew: timedelta, clock: Callable[[], datetime] = present_moment
    ) -> None:
        """A request may name a moment up to `clock_skew` later than `clock`."""
        self._parts = parts
        self._clock_skew = clock_skew
        self._clock = clock
        self._requests_per_minute = config.limits.requests_per_minute
        retry_s = config.recovery.retry_s
        self._warehouse = Recovering("warehouse", parts.warehouse, retry_s)
        self.champion: Final = Champion(parts.champion, self._warehouse, retry_s)
        self._gold = VersionCache(parts.gold, lambda table: read_newest(table, config.gold), config.gold.check_s)
        self._fleet = VersionCache(parts.compressors, read_fleet, config.gold.check_s)
        self._events = VersionCache(parts.events, read_events, config.gold.check_s)
        self._refusal: str | None = None  # the warehouse's error at the last request, None after success
        self._synced: tuple[Warehouse, int, int | None] | None = None  # the warehouse that has fleet and events, and their versions

    def warm_up(self) -> None:
        """Open everything that is there, so that the first request need not."""
        for part in (self.champion.get, self._warehouse.get, self.gold, self.fleet, self.renewals):
            try:
                part()
            except AltavizError:
                continue  # the part has logged it, and is opened again when needed

    def close(self) -> None:
        """Close what is open. Later requests are refused."""
        self._warehouse.close()
        self.champion.close()

    def require_ready(self) -> None:
        """Raise the AltavizError of the missing part: champion or warehouse."""
        predictor = self.champion.get()
        with self._connection() as connection:
            connection.execute("SELECT 1")
            self.champion.require_compared(predictor, connection)

    def score(self, compressor_ids: Sequence[str] | None, as_of: datetime | None) -> Scored:
        """Predict for `compressor_ids` (all when None) at `as_of` (None: the home's present), and write the predictions.

        Raises RequestError for an unknown id, and for a moment before all data or in the future. Raises NotReadyError, ModelError, WarehouseError.
        """
        fleet = self.fleet()
        ids = fleet.compressor_ids if compressor_ids is None else _require_known(compressor_ids, fleet.compressor_ids)
        moment = as_of or self._present()
        gold = self.gold()
        self._require_reached(moment)
        steps = gold.steps(ids, moment)
        if not any(steps.last_reading):
            _require_data(gold, moment)
        predictor = self.champion.get()
        with self._connection() as connection:  # the lake takes events of completed work orders in later
            waiting = waiting_events(connection)
        renewed = self._known_events().renewals_with(waiting, self._clock()).at(ids, moment)
        predictions = predictor.predict_steps(steps, moment, gold.source, gold.past, renewed)
        with self._connection(fleet) as connection:
            self.champion.require_compared(predictor, connection)
            written = tables.upsert_predictions(connection, predictions)
            self._parts.alert_predictions(connection, predictions)
            usable = tables.last_usable(connection, predictions)
        return Scored(predictor.version, moment, predictions, written, usable)

    def predict(self, windows: Float32s) -> Predicted:
        """The champion's predictions for [n, steps, features] windows, NaN where a value is missing. Nothing is written. Raises RequestError, NotReadyError, ModelError."""
        predictor = self.champion.get()
        return Predicted(predictor.version, predictor.horizon_days, predictor.predict_windows(np.asarray(windows, np.float32)))

    def waiting(self, prediction: Prediction) -> tuple[list[float], list[float]]:
        """What waiting with the repair does, from the stored numbers of a prediction. Raises RequestError unless the champion made them."""
        predictor = self.champion.get()
        if prediction.model_version != predictor.version:
            made = f"its newest usable prediction is of model version {prediction.model_version}, the champion is {predictor.version}"
            raise RequestError(("compressor_id", f"{made}: score it again"), status=HTTPStatus.CONFLICT)
        renewed = prediction.features_used.get("renewed_at")
        begun = None if renewed is None else datetime.fromisoformat(str(renewed))
        numbers = Numbers(*(getattr(prediction, field.name) for field in fields(Numbers)))
        return predictor.waiting(numbers, float(ages_at(prediction.prediction_timestamp, [begun])[0]))

    @contextmanager
    def at(self, as_of: datetime | None) -> Iterator[psycopg.Connection]:
        """A connection in one transaction that stands at `as_of` (None: the home's present), with the fleet and its events up to date.

        Raises RequestError for a moment in the future, WarehouseError.
        """
        if as_of is not None:
            self._require_reached(as_of)
        with self._connection(self._fleet_if_there()) as connection, tables.fleet_as_of(connection, as_of):
            yield connection

    def read_keys(self, used: Sequence[str]) -> StoredKeys:
        """The usable keys of the service, after noting that those with the ids `used` were used. Raises NotReadyError, WarehouseError."""
        with self._connection() as connection:
            return read_keys(connection, used, self._requests_per_minute)

    def record(self, write: ApiWrite) -> None:
        """Record a write. While the warehouse is missing, the log has it instead."""
        try:
            with self._connection() as connection:
                record_write(connection, write)
        except AltavizError as error:
            get_log().error("write not recorded", reason=str(error), **asdict(write))

    def gold(self) -> GoldVersion:
        """The newest gold. Raises NotReadyError."""
        return _read("gold", self._gold)

    def fleet(self) -> KnownCompressors:
        """Every compressor in service. Raises NotReadyError."""
        return _read("the list of compressors", self._fleet)

    def renewals(self) -> Renewals:
        """When each compressor began its present life, by the lake. Empty until events are loaded. Raises NotReadyError."""
        return self._known_events().renewals

    def _known_events(self) -> KnownEvents:
        return _read("the list of maintenance events", self._events, without=NO_EVENTS)

    def _present(self) -> datetime:
        """The moment of a home that replays the past, else the clock's now."""
        with self._connection() as connection:
            return tables.replay_moment(connection) or self._clock()

    def _require_reached(self, moment: datetime) -> None:
        try:
            require_reached(moment, self._clock(), self._clock_skew, lambda: self.gold().newest_reading)
        except MomentError as error:
            raise RequestError(("as_of", str(error))) from error

    def _fleet_if_there(self) -> KnownCompressors | None:
        """The fleet, with its events up to date. None while the lake cannot be read: the warehouse can still answer."""
        try:
            self.renewals()
            return self.fleet()
        except NotReadyError:
            return None

    @contextmanager
    def _connection(self, fleet: KnownCompressors | None = None) -> Iterator[psycopg.Connection]:
        """A connection to the warehouse, which knows `fleet` if one is given."""
        warehouse = self._warehouse.get()
        try:
            if fleet is not None:
                self._sync(warehouse, fleet.version)
            with warehouse.connection() as connection:
                yield connection
        except WarehouseError as error:
            if str(error) != self._refusal:  # logged once, not at every probe
                get_log().error("warehouse refuses", reason=str(error))
            self._refusal = str(error)
            if _is_gone(error.__cause__):
                self._warehouse.discard(warehouse, error)
            raise
        self._refusal = None

    def _sync(self, warehouse: Warehouse, version: int) -> None:
        wanted = (warehouse, version, self._events.version)
        if self._synced != wanted:
            self._parts.sync_reference(warehouse)
            self._synced = wanted


def _read(name: str, newest: VersionCache[ReadT], without: ReadT | None = None) -> ReadT:
    """The content of the newest version, or `without` while there is no table. Raises NotReadyError."""
    try:
        return newest.current()
    except NoDataError as error:
        if without is not None:
            return without
        raise NotReadyError(str(error)) from error
    except Exception as error:  # delta-rs and polars raise several types
        get_log().error("table cannot be read", table=name, error=repr(error))
        raise NotReadyError(f"{name} cannot be read: see the log") from error


def _is_gone(cause: BaseException | None) -> bool:
    """Whether the server was missing or ended the session. Otherwise it refused a statement."""
    if isinstance(cause, PoolTimeout):
        return True
    if not isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    return cause.sqlstate is None or (cause.sqlstate[:2] in ("08", "57") and cause.sqlstate != psycopg.errors.QueryCanceled.sqlstate)


def _require_known(compressor_ids: Sequence[str], known: list[str]) -> list[str]:
    ids = set(known)
    unknown = [number for number, compressor_id in enumerate(compressor_ids) if compressor_id not in ids]
    if unknown:
        raise RequestError(*((f"compressor_ids[{number}]", "is not a compressor of this fleet") for number in unknown))
    return list(compressor_ids)


def _require_data(gold: GoldVersion, as_of: datetime) -> None:
    first = gold.first_reading
    if first is None:
        raise NotReadyError("gold holds no rows: run `altaviz ingest` and `altaviz features` first")
    try:
        require_data(first, as_of)
    except NoDataError as error:
        raise RequestError(("as_of", f"there is no reading at or before it; the first one is from {first.isoformat()}")) from error
