"""The champion that a running service uses: opened when it is first needed, and followed when the registry names another.

A new champion is opened beside the old one and put in its place in one step. Requests that use the old one end with it. A champion that
cannot be used leaves the old one where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakSet

from config.errors import AltavizError, ModelMismatchError, NotReadyError, WarehouseError
from config.logs import get_log, place_of
from serving.api.recovery import Recovering
from serving.prediction.predictor import Predictor
from serving.registry.model_record import compare_champion
from serving.registry.model_version import ChampionMark

if TYPE_CHECKING:
    import psycopg

    from serving.warehouse.connection import Warehouse


@dataclass(frozen=True)
class ChampionSource:
    """Where champions come from. Both raise AltavizError."""

    open: Callable[[Warehouse | None], Predictor]  # compared with the decisions of an open warehouse
    mark: Callable[[], ChampionMark | None]  # what the registry names now; cheap


class Champion:
    """One per service, shared by its threads."""

    def __init__(self, source: ChampionSource, warehouse: Recovering[Warehouse], retry_s: float) -> None:
        self._source = source
        self._warehouse = warehouse
        self._part = Recovering("champion", self._open_first, retry_s)
        self._compared: WeakSet[Predictor] = WeakSet()  # with their decisions
        self._behind: Exception | None = None  # why the registry's champion is not the one in use

    def get(self) -> Predictor:
        """The champion in use. It may be used to the end of a request, whatever follows it. Raises AltavizError while there is none."""
        return self._part.get()

    @property
    def version(self) -> str | None:
        """The version in use, None while none is open. Does not open it."""
        found = self._part.found
        return found.version if found else None

    @property
    def is_refused(self) -> bool:
        """Whether the registry's champion has another file than the one that was decided on."""
        return isinstance(self._behind or self._part.missing, ModelMismatchError)

    @property
    def is_behind(self) -> bool:
        """Whether the registry names a champion that cannot be used, and a former one answers."""
        return self._behind is not None and self._part.found is not None

    def require_compared(self, predictor: Predictor, connection: psycopg.Connection) -> None:
        """Compare a champion that was opened without the warehouse. Raises ModelMismatchError when it is not the model decided on."""
        if predictor in self._compared:
            return
        try:
            compare_champion(connection, predictor.registered)
        except ModelMismatchError as error:
            self._part.discard(predictor, error)
            raise
        self._compared.add(predictor)

    def follow(self) -> None:
        """Take up the champion that the registry names. Raises ModelError when the registry does not answer."""
        present = self._part.found
        if present is None:
            return  # the next request opens what is champion then
        mark = self._source.mark()
        if mark is not None and mark.is_of(present.registered):
            self._behind = None
            return
        try:
            successor = self._source.open(self._warehouse.get())
            successor.try_out()
        except Exception as error:
            if str(error) != str(self._behind):  # logged once for each reason, not at every look
                place = {} if isinstance(error, AltavizError) else place_of(error)
                get_log().error("champion not taken up", version=mark and mark.version, stays=present.version, reason=str(error), **place)
            self._behind = error
            return
        self._compared.add(successor)
        if self._part.swap(present, successor):
            get_log().info("champion taken up", version=successor.version, before=present.version)
        self._behind = None

    def close(self) -> None:
        """Close the champion. Later requests are refused."""
        self._part.close()

    @contextmanager
    def _open_first(self) -> Iterator[Predictor]:
        """The champion, compared with its decision. While the warehouse is missing, the comparison waits."""
        try:
            predictor = self._source.open(self._warehouse.get())
            self._compared.add(predictor)
        except (NotReadyError, WarehouseError) as error:
            get_log().warning("champion not compared with its decision yet", reason=str(error))
            predictor = self._source.open(None)
        yield predictor
