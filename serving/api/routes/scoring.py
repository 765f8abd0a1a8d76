"""POST /v1/score and POST /v1/predict."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

import numpy as np
import pyarrow as pa
from fastapi import APIRouter, Request
from fastapi.responses import Response

from serving.api.media_types import chosen, media_type
from serving.api.reading import read_predict, read_score
from serving.api.routes.answering import JSON, WRITTEN, RouteParts, body_of, problems, table_content
from serving.api.routes.table import API, Route
from serving.api.window_tables import ANSWER_LAYOUT, LAYOUT, TABLES, read_windows, write_predictions
from serving.assessment import Numbers
from serving.messages.scoring import PredictAnswer, PredictionAnswer, PredictRequest, ScoreAnswer, ScoreRequest, WindowAnswer
from serving.schemas import report_rows

SCORE: Final = Route(f"{API}score", ("POST",), "scorer", takes_json=True)
PREDICT: Final = Route(f"{API}predict", ("POST",), "scorer", takes_json=True, also_takes=TABLES, writes=False)
ROUTES: Final = (SCORE, PREDICT)
BODIES: Final = (ScoreRequest, PredictRequest)


def router(parts: RouteParts) -> APIRouter:
    """The routes that run the model."""
    api = APIRouter()
    backend, limits, metrics = parts.backend, parts.limits, parts.metrics

    @api.post(SCORE.path, response_model=ScoreAnswer, responses=problems(*WRITTEN), openapi_extra=body_of(ScoreRequest))
    async def score(request: Request) -> Any:
        """Score compressors from the newest gold and write the result to `ml_predictions`, as `altaviz score` does."""
        body = await request.body()

        def answer() -> ScoreAnswer:
            parsed = read_score(body, limits)
            scored = backend.score(parsed.compressor_ids, parsed.as_of)
            metrics.written.inc(scored.rows_written)
            for prediction in scored.predictions:
                metrics.predictions.labels(prediction.status).inc()
            predictions = [PredictionAnswer(**row) for row in report_rows(scored.predictions, scored.last_usable)]
            return ScoreAnswer(
                model_version=scored.model_version, as_of=scored.as_of, predictions=predictions, rows_written=scored.rows_written
            )

        return await parts.with_warehouse(answer)

    @api.post(
        PREDICT.path,
        response_model=PredictAnswer,
        responses={200: {"content": table_content(dict.fromkeys(TABLES, ANSWER_LAYOUT))}, **problems(*WRITTEN, 406)},
        openapi_extra=body_of(PredictRequest, dict.fromkeys(TABLES, LAYOUT)),
    )
    async def predict(request: Request) -> Any:
        """Predict for windows that the caller has; nothing is written. The answer has the form of the request, or the one that Accept names."""
        body = await request.body()
        kind = media_type(request.headers.get("content-type", ""))
        answer_kind = chosen(request.headers.get("accept", ""), (JSON, *TABLES), kind)

        def answer() -> PredictAnswer | Response:
            if kind == JSON:
                windows = read_predict(body, limits)
                names = pa.array(np.arange(len(windows)))
            else:
                table = read_windows(body, kind, limits.most_bulk_windows)
                windows, names = table.windows, table.names
            predicted = backend.predict(windows)
            metrics.windows.inc(len(predicted.numbers))
            if answer_kind != JSON:
                facts = {"model_version": predicted.model_version, "horizon_days": str(predicted.horizon_days)}
                return Response(write_predictions(names, predicted.numbers, facts, answer_kind), media_type=answer_kind)
            numbers = [WindowAnswer(status="insufficient_history" if item is None else "ok", **_fields(item)) for item in predicted.numbers]
            return PredictAnswer(model_version=predicted.model_version, horizon_days=predicted.horizon_days, predictions=numbers)

        return await parts.with_windows(answer)

    return api


def _fields(numbers: Numbers | None) -> dict[str, float | None]:
    return dict.fromkeys(field.name for field in fields(Numbers)) if numbers is None else dict(vars(numbers))
