"""Messages of GET /v1/compressors/{compressor_id}/waiting."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from serving.messages.fields import Answer, AnsweredTime, MomentAnswer


class WaitedDay(Answer):
    """A repair that waits for one day."""

    day: int = Field(description="Whole days from the prediction on.")
    repair_date: date = Field(description="That day, UTC.")
    failed_probability: float = Field(description="Probability that the compressor has failed by then, 0 to 1.")
    extra_cost_usd: float = Field(description="What a repair on that day is expected to cost more than on the best day, USD.")


class WaitingAnswer(MomentAnswer):
    """What waiting with a repair does, from the newest usable prediction."""

    compressor_id: str = Field(description="The compressor.")
    prediction_timestamp: AnsweredTime = Field(description="The moment of the prediction, UTC.")
    model_version: str = Field(description="The version that made it.")
    act_by: date | None = Field(description="The day (UTC) on which the repair is due. Null: none is due.")
    earliest_day: int = Field(description="The first day on which parts can be there. Before it, no repair can be planned.")
    waiting: list[WaitedDay] = Field(description="One entry a day, up to the longest life that the model predicts.")
