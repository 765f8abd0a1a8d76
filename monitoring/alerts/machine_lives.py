"""The lives of machines. One begins when a machine runs again after a failure, a repair or a service; each has levels of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from features.reference_tables.renewals import Renewals
from monitoring.alerts.grouping import moment
from serving.warehouse.machine_lives import FIRST, MachineLife

Lives = dict[str, list[MachineLife]]  # by compressor, oldest first


def unseen_lives(compressor_ids: Iterable[str]) -> Lives:
    """One life of each compressor, that no event began."""
    return {name: [MachineLife(name, FIRST, None, None, {})] for name in compressor_ids}


def lives_of(compressor_ids: Iterable[str], renewals: Renewals) -> Lives:
    """The lives by maintenance events, nothing learned yet. The first one of each compressor began unseen."""
    lives = unseen_lives(compressor_ids)
    for name, own in lives.items():
        if name in renewals.ended:
            began = dict(zip(renewals.ended[name].tolist(), renewals.began[name].tolist(), strict=True))  # of events at one moment the last
            own += [MachineLife(name, moment(ended), moment(again), None, {}) for ended, again in began.items() if ended > 0]
    return lives


def changed_lives(lives: Lives, stored: Mapping[str, Sequence[MachineLife]]) -> dict[str, datetime]:
    """Since when the lives of a compressor are not those that are stored. Compressors without a change are left out."""
    changed = {}
    for name, own in lives.items():
        ours, theirs = ({life.life_from: _began(life) for life in some} for some in (own, stored.get(name, ())))
        different = [begun for begun in {*ours, *theirs} if begun not in ours or begun not in theirs or ours[begun] != theirs[begun]]
        if different:
            changed[name] = min(different)
    return changed


def with_learned(lives: Lives, stored: Mapping[str, Sequence[MachineLife]], since: Mapping[str, datetime]) -> Lives:
    """The lives of the compressors in `since`, with what was learned of them before its moment."""
    result = {}
    for name, restart in since.items():
        known = {(life.life_from, _began(life)): life for life in stored.get(name, ())}
        own = lives.get(name, [])
        result[name] = [
            found
            if (found := known.get((life.life_from, _began(life)))) and (is_over(own, number, restart) or _learned_before(found, restart))
            else life
            for number, life in enumerate(own)
        ]
    return result


def learns_since(own: Sequence[MachineLife], restart: datetime) -> datetime | None:
    """The beginning of the life at `restart` while its levels are not known. FIRST if it began unseen; None if they are known."""
    for number, life in enumerate(own):
        if life.life_from <= restart and not is_over(own, number, restart):
            return None if life.learned_at is not None else life.began_at or FIRST
    return None


def is_over(own: Sequence[MachineLife], number: int, at: datetime) -> bool:
    """Whether a life ended before `at`."""
    return number + 1 < len(own) and own[number + 1].life_from < at


def _began(life: MachineLife) -> datetime | None:
    """What events tell of a beginning: of the first life nothing."""
    return None if life.life_from == FIRST else life.began_at


def _learned_before(life: MachineLife, restart: datetime) -> bool:
    return life.learned_at is not None and life.learned_at < restart
