"""Bodies with many errors: the answer is short, and most of the body is not checked."""

from __future__ import annotations

import json

import pytest

from config.errors import RequestError
from config.settings import Settings
from serving.api.problems import problem_of
from serving.api.reading import most_score_bytes, read_predict, read_score
from serving.messages.scoring import PredictRequest, ScoreRequest


def test_ids_beyond_the_most_are_not_looked_at(settings: Settings) -> None:
    limits = settings.serving.limits.model_copy(update={"most_compressors": 3})
    for wrong in ('""', "1", "[]", '"C-1"'):
        with pytest.raises(RequestError) as caught:
            read_score(f'{{"compressor_ids": [{",".join([wrong] * 4)}]}}'.encode(), limits)
        assert caught.value.problems == (("compressor_ids", "has 4 ids; one request may have 3"),)
        assert caught.value.status == 413


def test_many_wrong_ids_are_counted_and_the_first_named(settings: Settings) -> None:
    with pytest.raises(RequestError) as caught:
        read_score(json.dumps({"compressor_ids": [""] * 5000}).encode(), settings.serving.limits)
    answer = json.loads(bytes(problem_of(caught.value).body))
    assert [error["field"] for error in answer["errors"]] == [f"compressor_ids[{number}]" for number in range(10)]
    assert answer["errors_total"] == 5000
    assert answer["detail"].endswith("; and 4990 more")


def test_the_first_unknown_name_ends_the_reading(settings: Settings) -> None:
    names = ",".join(f'"{number}": 0' for number in range(1000))
    for read, body in ((read_score, f"{{{names}}}"), (read_predict, f'{{"windows": [], {names}}}')):
        with pytest.raises(RequestError) as caught:
            read(body.encode(), settings.serving.limits)  # type: ignore[operator]
        assert caught.value.problems == (("0", "is not a field of this request"),)


def test_the_largest_body_takes_every_id_however_it_is_written(settings: Settings) -> None:
    limits = settings.serving.limits
    longest = [f"{number:04d}" + "é" * 46 for number in range(limits.most_compressors)]
    body = json.dumps({"compressor_ids": longest, "as_of": "2026-03-09T05:50:00.000000+00:00"}).encode()  # é as \u00e9
    assert len(body) <= most_score_bytes(limits) < 2_000_000
    assert read_score(body, limits).compressor_ids == longest


def test_the_description_states_that_other_names_are_refused() -> None:
    for model in (ScoreRequest, PredictRequest):
        assert model.model_json_schema()["additionalProperties"] is False
    assert ScoreRequest.model_json_schema()["properties"]["compressor_ids"]["anyOf"][0]["items"]["maxLength"] == 50


def test_null_for_a_field_that_may_be_left_out_is_the_same_as_leaving_it_out(settings: Settings) -> None:
    request = read_score(b'{"compressor_ids": null, "as_of": null}', settings.serving.limits)
    assert (request.compressor_ids, request.as_of) == (None, None)
