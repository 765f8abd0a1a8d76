"""A row with former sentences equals its recomputation, unless a number or a sensor in them differs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from serving.prediction.former_wording import present_wording
from serving.prediction.reproduction import compare
from tests.serving.prediction.test_reproduction import ROW

OFF = "days off the predicted life"
SENTENCES = [
    (
        f"vibration 24 h mean up 38% in 2 days to 4.416 mm/s (warning): 11.2 {OFF}, most by the last 6 h, +0.12 failure probability",
        f"vibration 24 h mean up 38% in 2 days to 4.416 mm/s (warning): 11.2 {OFF}, mostly from the last 6 h, failure probability +0.12",
    ),
    (
        f"discharge temperature 4 h mean up 24 F in 1 day to 224 F: 3.5 {OFF}, most by 12 to 6 h before",
        f"discharge temperature 4 h mean up 24 F in 1 day to 224 F: 3.5 {OFF}, mostly from 12 to 6 h before",
    ),
    (
        f"discharge pressure little changed, 24 h mean at 850 PSI: 6.0 {OFF}, by all of the last 24 h",
        f"discharge pressure little changed, 24 h mean at 850 PSI: 6.0 {OFF}, from all of the last 24 h",
    ),
    (
        f"vibration 24 h mean at 9 mm/s, the level before is not known (critical): 5.0 {OFF}, most by the last 6 h",
        f"vibration 24 h mean at 9 mm/s, earlier level unknown (critical): 5.0 {OFF}, mostly from the last 6 h",
    ),
    (
        f"discharge pressure is not known: 5.0 {OFF}, most by the last 6 h, -0.30 failure probability",
        f"discharge pressure is unknown: 5.0 {OFF}, mostly from the last 6 h, failure probability -0.30",
    ),
    (
        "no sensor takes 1.5 d or more off the predicted life of the best day of the last 7",
        "no sensor takes 1.5 d or more off the predicted life, compared with the best of the last 7 days",
    ),
    (
        "no reason can be given: no day of the last 7 has enough readings to compare with",
        "no reasons: none of the last 7 days has enough readings to compare with",
    ),
    ("nothing to plan: the predicted life is above 14 days", "nothing to plan: the predicted life is above 14 days"),
    (
        "age: 45 days since the last failure, repair or service; of machines of that age 54% fail within 7 days",
        "age: 45 days since the last failure, repair or service; 54% of machines of that age fail within 7 days",
    ),
    (
        "no date yet: 5 days since the last failure, repair or service; of machines of that age 2% fail within 7 days",
        "no repair date yet: 5 days since the last failure, repair or service; 2% of machines of that age fail within 7 days",
    ),
    (
        "no date yet: the readings of the last 24 h begin before it ran again after its last failure, repair or service",
        "no repair date yet: the readings of the last 24 h begin before the restart after the last failure, repair or service",
    ),
    ("no reading in the last 24 h", "no reading in the last 24 h"),
    (
        "no reading in the last 3 h; the newest is of 2026-03-09 01:50 UTC",
        "no reading in the last 3 h; the last one is from 2026-03-09 01:50 UTC",
    ),
    ("17 of the last 24 hours have data, a prediction needs 18", "only 17 of the last 24 hours have data; a prediction needs 18"),
    (
        "4 of the last 24 hours have values of every sensor (vibration 4, discharge temperature 17), a prediction needs 18",
        "only 4 of the last 24 hours have values of every sensor (vibration 4, discharge temperature 17); a prediction needs 18",
    ),
    (
        "the data cannot be used: every sensor frozen since 2026-03-08T09:50:00Z (no change for 20 h: the link is dead)",
        "the data cannot be used: every sensor frozen since 2026-03-08T09:50:00Z (no change for 20 h: the link is dead)",
    ),
    (
        "made without the values of: vibration unit_change since 2026-03-09T01:20:00Z (its level has jumped as a change of the unit would make "
        "it: it looks like in/s); gas flow zero since 2026-03-08T09:50:00Z (reads zero while the unit runs; over since 2026-03-08T23:50:00Z)",
        "predicted without the values of: vibration unit_change since 2026-03-09T01:20:00Z (the level jumped as if the unit had changed; the "
        "readings fit in/s); gas flow zero since 2026-03-08T09:50:00Z (reads zero while the compressor runs; last seen 2026-03-08T23:50:00Z)",
    ),
    (
        "made without the values of: suction pressure wrong_unit since 2026-03-08T09:50:00Z (it has never come in the right unit: it looks like bar)",
        "predicted without the values of: suction pressure wrong_unit since 2026-03-08T09:50:00Z (the readings never fitted the expected unit; "
        "they fit bar)",
    ),
    (
        "made without the values of: vibration implausible since 2026-03-08T09:50:00Z (it shows what neither a running nor a stopped unit can)",
        "predicted without the values of: vibration implausible since 2026-03-08T09:50:00Z (neither a running nor a stopped compressor gives "
        "such values)",
    ),
    (
        "made without the values of: vibration flagged_bad since 2026-03-08T09:50:00Z (the source itself calls it bad)",
        "predicted without the values of: vibration flagged_bad since 2026-03-08T09:50:00Z (the source marks the value as bad)",
    ),
]


@pytest.mark.parametrize(("former", "present"), SENTENCES)
def test_only_the_words_change(former: str, present: str) -> None:
    assert present_wording(former) == present
    assert present_wording(present) == present
    stored, anew = replace(ROW, reasons=[former]), replace(ROW, reasons=[present])
    found = compare(stored, anew)
    assert found.equal
    assert found.texts["reasons"] == {"stored": [former], "recomputed": [present]}


@pytest.mark.parametrize(("former", "present"), SENTENCES)
def test_another_number_in_a_sentence_still_differs(former: str, present: str) -> None:
    digits = [place for place, letter in enumerate(former) if letter.isdigit()]
    for place in digits:
        other = former[:place] + str((int(former[place]) + 1) % 10) + former[place + 1 :]
        assert compare(replace(ROW, reasons=[other]), replace(ROW, reasons=[present])).differs == ["reasons"], other


def test_another_sensor_another_order_or_one_reason_less_differs() -> None:
    former, present = [pair[0] for pair in SENTENCES[:2]], [pair[1] for pair in SENTENCES[:2]]
    other = [former[0].replace("vibration", "discharge pressure"), former[1]]
    for stored in (other, former[::-1], former[:1], [*former, former[1]]):
        assert compare(replace(ROW, reasons=stored), replace(ROW, reasons=present)).differs == ["reasons"]
