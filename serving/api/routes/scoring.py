"""POST /v1/score and POST /v1/predict."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request

from serving.api.reading import read_predict, read_score
from serving.api.routes.answering import WRITTEN, RouteParts, body_of, problems
from serving.api.routes.table import API, Route
from serving.messages.scoring import PredictAnswer, PredictionAnswer, PredictRequest, ScoreAnswer, ScoreRequest, WindowAnswer
from serving.schemas import report_rows

SCORE: Final = Route(f"{API}score", ("POST",), "scorer", takes_json=True)
PREDICT: Final = Route(f"{API}predict", ("POST",), "scorer", takes_json=True, writes=False)
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

    @api.post(PREDICT.path, response_model=PredictAnswer, responses=problems(*WRITTEN), openapi_extra=body_of(PredictRequest))
    async def predict(request: Request) -> Any:
        """Predict for windows that the caller has; nothing is written."""
        body = await request.body()

        def answer() -> PredictAnswer:
            predicted = backend.predict(read_predict(body, limits))
            metrics.windows.inc(len(predicted.numbers))
            numbers = [WindowAnswer.model_validate(item) for item in predicted.numbers]
            return PredictAnswer(model_version=predicted.model_version, horizon_days=predicted.horizon_days, predictions=numbers)

        return await parts.with_windows(answer)

    return api
