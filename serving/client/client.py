"""The client: one method for each route of /v1."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from serving.client.errors import BusyError, UnreachableError, refusal_of
from serving.messages.alerts import (
    AlertAct,
    AlertDetailAnswer,
    AlertQuery,
    AlertsAnswer,
    AssignRequest,
    NotedAct,
    ShelveRequest,
)
from serving.messages.compressors import CompressorAnswer, CompressorQuery
from serving.messages.fields import MomentQuery, Query
from serving.messages.fleet import FleetAnswer, FleetQuery
from serving.messages.scoring import PredictAnswer, PredictRequest, ScoreAnswer, ScoreRequest
from serving.messages.waiting import WaitingAnswer
from serving.messages.work_orders import (
    ChangeWorkOrderRequest,
    CompleteWorkOrderRequest,
    DraftWorkOrderRequest,
    ExportQuery,
    ExportWorkOrderRequest,
    FileFormat,
    WorkOrderAct,
    WorkOrderDetailAnswer,
    WorkOrderQuery,
    WorkOrdersAnswer,
)

_TIMEOUT_S: Final = 30.0
_CONNECTS: Final = 2  # more attempts to connect. A request that was sent is never sent again.
_JSON: Final = {"content-type": "application/json"}
AnswerT = TypeVar("AnswerT", bound=BaseModel)


class AltavizClient:
    """Calls one service. Threads may share it. Close it, or use it as a context manager.

    Every method raises RefusedError (serving.client.errors) for an answer that is no success, and UnreachableError without one.
    """

    def __init__(self, url: str, key: str | None = None, timeout_s: float = _TIMEOUT_S) -> None:
        """The service at `url`, such as http://127.0.0.1:3000. It needs a `key`, unless it answers this machine only."""
        headers = {"user-agent": "altaviz-client"} | ({} if key is None else {"authorization": f"Bearer {key}"})
        transport = httpx.HTTPTransport(retries=_CONNECTS)
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout_s, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def is_ready(self) -> bool:
        """Whether the service has its champion and its database. Raises UnreachableError."""
        try:
            self._send("GET", "/readyz")
        except BusyError:
            return False
        return True

    def fleet(self, query: FleetQuery | None = None) -> FleetAnswer:
        """The compressors in service, the most urgent first."""
        return self._get(FleetAnswer, "/v1/fleet", query)

    def compressor(self, compressor_id: str, query: CompressorQuery | None = None) -> CompressorAnswer:
        """All about one compressor."""
        return self._get(CompressorAnswer, f"/v1/compressors/{_part(compressor_id)}", query)

    def waiting(self, compressor_id: str, query: MomentQuery | None = None) -> WaitingAnswer:
        """What waiting with a compressor's repair does, by day."""
        return self._get(WaitingAnswer, f"/v1/compressors/{_part(compressor_id)}/waiting", query)

    def score(self, compressor_ids: Sequence[str] | None = None, as_of: datetime | None = None) -> ScoreAnswer:
        """Score some compressors, or all, from the newest readings, and write the predictions."""
        request = ScoreRequest(**_given(compressor_ids=None if compressor_ids is None else list(compressor_ids), as_of=as_of))
        return self._write(ScoreAnswer, "POST", "/v1/score", request)

    def predict(self, windows: Sequence[Sequence[Sequence[float | None]]]) -> PredictAnswer:
        """Predict for windows [n, 24 hours, 24 features], oldest hour first, None where a value is missing. Nothing is written."""
        request = PredictRequest(windows=[[list(row) for row in window] for window in windows])
        return self._write(PredictAnswer, "POST", "/v1/predict", request)

    def alerts(self, query: AlertQuery | None = None) -> AlertsAnswer:
        """Alerts that are not closed, or those that are asked for, the worst first."""
        return self._get(AlertsAnswer, "/v1/alerts", query)

    def alert(self, alert_id: str, query: MomentQuery | None = None) -> AlertDetailAnswer:
        """One alert with its log."""
        return self._get(AlertDetailAnswer, f"/v1/alerts/{_part(alert_id)}", query)

    def acknowledge(self, alert_id: str, *, by: str | None = None, note: str | None = None) -> AlertDetailAnswer:
        """Somebody has seen the alert: it escalates no further."""
        return self._act_on_alert(alert_id, "acknowledge", NotedAct(**_given(by=by, note=note)))

    def shelve(self, alert_id: str, until: datetime, reason: str, *, by: str | None = None) -> AlertDetailAnswer:
        """Put the alert out of sight until a time."""
        return self._act_on_alert(alert_id, "shelve", ShelveRequest(until=until, reason=reason, **_given(by=by)))

    def unshelve(self, alert_id: str, *, by: str | None = None) -> AlertDetailAnswer:
        """Bring a shelved alert back."""
        return self._act_on_alert(alert_id, "unshelve", AlertAct(**_given(by=by)))

    def assign(self, alert_id: str, to: str | None, *, by: str | None = None) -> AlertDetailAnswer:
        """Make the alert somebody's work. None: nobody's."""
        return self._act_on_alert(alert_id, "assign", AssignRequest(to=to, **_given(by=by)))

    def close_alert(self, alert_id: str, *, by: str | None = None, note: str | None = None) -> AlertDetailAnswer:
        """Take a resolved alert off the list for good."""
        return self._act_on_alert(alert_id, "close", NotedAct(**_given(by=by, note=note)))

    def work_orders(self, query: WorkOrderQuery | None = None) -> WorkOrdersAnswer:
        """Work orders: open ones first, by the day they are planned or due."""
        return self._get(WorkOrdersAnswer, "/v1/work-orders", query)

    def work_order(self, work_order_id: str) -> WorkOrderDetailAnswer:
        """One work order with its log."""
        return self._get(WorkOrderDetailAnswer, _order(work_order_id), None)

    def draft_work_order(self, request: DraftWorkOrderRequest) -> WorkOrderDetailAnswer:
        """Draft an order from a compressor's newest prediction. With a `draft_key`, it is safe to send again."""
        return self._write(WorkOrderDetailAnswer, "POST", "/v1/work-orders", request)

    def change_work_order(self, work_order_id: str, request: ChangeWorkOrderRequest) -> WorkOrderDetailAnswer:
        """Set the given fields of an open order."""
        return self._write(WorkOrderDetailAnswer, "PATCH", _order(work_order_id), request)

    def work_order_file(self, work_order_id: str, format: FileFormat = "csv") -> str:
        """An order as text for another system. Nothing is changed."""
        return self._send("GET", f"{_order(work_order_id)}/export", params=_parameters(ExportQuery(format=format))).text

    def export_work_order(self, work_order_id: str, request: ExportWorkOrderRequest) -> WorkOrderDetailAnswer:
        """Mark an order as exported, and send it to a channel if one is named."""
        return self._write(WorkOrderDetailAnswer, "POST", f"{_order(work_order_id)}/export", request)

    def complete_work_order(self, work_order_id: str, request: CompleteWorkOrderRequest) -> WorkOrderDetailAnswer:
        """Report an order as done: it becomes a maintenance event."""
        return self._write(WorkOrderDetailAnswer, "POST", f"{_order(work_order_id)}/complete", request)

    def reopen_work_order(self, work_order_id: str, *, by: str | None = None, note: str | None = None) -> WorkOrderDetailAnswer:
        """Take a completion back, such as one with a wrong date."""
        return self._write(WorkOrderDetailAnswer, "POST", f"{_order(work_order_id)}/reopen", WorkOrderAct(**_given(by=by, note=note)))

    def cancel_work_order(self, work_order_id: str, *, by: str | None = None, note: str | None = None) -> WorkOrderDetailAnswer:
        """The work will not be done."""
        return self._write(WorkOrderDetailAnswer, "POST", f"{_order(work_order_id)}/cancel", WorkOrderAct(**_given(by=by, note=note)))

    def _act_on_alert(self, alert_id: str, name: str, body: AlertAct) -> AlertDetailAnswer:
        return self._write(AlertDetailAnswer, "POST", f"/v1/alerts/{_part(alert_id)}/{name}", body)

    def _get(self, kind: type[AnswerT], path: str, query: Query | None) -> AnswerT:
        return kind.model_validate_json(self._send("GET", path, params=_parameters(query)).content)

    def _write(self, kind: type[AnswerT], method: str, path: str, body: BaseModel) -> AnswerT:
        content = body.model_dump_json(exclude_unset=True)
        return kind.model_validate_json(self._send(method, path, content=content, headers=_JSON).content)

    def _send(self, method: str, path: str, **sent: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **sent)
        except httpx.TransportError as error:
            raise UnreachableError(f"{self._http.base_url} does not answer ({type(error).__name__}): check address and service") from error
        if not answer.is_success:
            raise refusal_of(answer)
        return answer


def _part(identifier: str) -> str:
    """An id as one part of a path."""
    return quote(identifier, safe="~")


def _order(work_order_id: str) -> str:
    return f"/v1/work-orders/{_part(work_order_id)}"


def _parameters(query: Query | None) -> dict[str, Any]:
    return {} if query is None else query.model_dump(mode="json", exclude_none=True, exclude_unset=True)


def _given(**values: Any) -> dict[str, Any]:
    """Without what is None, which the service takes for left out."""
    return {name: value for name, value in values.items() if value is not None}
