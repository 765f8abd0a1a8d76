"""Sentences of `reasons` as earlier versions wrote them, put into the present words.

The command `altaviz reproduce` compares a stored row with one that is computed today. Versions differ in wording only. Every number, sensor,
unit and time of a former sentence also stands in the present one. So all of them are compared.
"""

from __future__ import annotations

import re
from typing import Final

# What a former sentence had, what the present one has. A present sentence matches none of them.
_REWORDED: Final = tuple(
    (re.compile(former), present)
    for former, present in (
        (r"off the predicted life, by all of the last (\d+ h)", r"off the predicted life, from all of the last \1"),
        (r"off the predicted life, most by ", "off the predicted life, mostly from "),
        (r", ([+-]\d+\.\d+) failure probability$", r", failure probability \1"),
        (r", the level before is not known( \([a-z]+\))?: ", r", earlier level unknown\1: "),
        (r"^([a-z ]+) is not known( \([a-z]+\))?: ", r"\1 is unknown\2: "),
        (
            r"^no sensor takes (\S+) d or more off the predicted life of the best day of the last (\d+)$",
            r"no sensor takes \1 d or more off the predicted life, compared with the best of the last \2 days",
        ),
        (
            r"^no reason can be given: no day of the last (\d+) has enough readings to compare with$",
            r"no reasons: none of the last \1 days has enough readings to compare with",
        ),
        (r"^no date yet: ", "no repair date yet: "),
        (
            r"the readings of the last (\d+ h) begin before it ran again after its last failure, repair or service$",
            r"the readings of the last \1 begin before the restart after the last failure, repair or service",
        ),
        (r"; of machines of that age (\S+%) fail within ", r"; \1 of machines of that age fail within "),
        (r"^(no reading in the last \S+ h); the newest is of ", r"\1; the last one is from "),
        (r"^(\d+ of the last \d+ hours have .*), a prediction needs (\d+)$", r"only \1; a prediction needs \2"),
        (r"^made without the values of: ", "predicted without the values of: "),
        (r"while the unit runs", "while the compressor runs"),
        (
            r"its level has jumped as a change of the unit would make it: it looks like ",
            "the level jumped as if the unit had changed; the readings fit ",
        ),
        (r"it has never come in the right unit: it looks like ", "the readings never fitted the expected unit; they fit "),
        (r"it shows what neither a running nor a stopped unit can", "neither a running nor a stopped compressor gives such values"),
        (r"the source itself calls it bad", "the source marks the value as bad"),
        (r"; over since (\d{4}-\S+Z)", r"; last seen \1"),
    )
)


def present_wording(reason: str) -> str:
    """The reason in the words of this version. A present sentence stays as it is."""
    for former, present in _REWORDED:
        reason = former.sub(present, reason)
    return reason
