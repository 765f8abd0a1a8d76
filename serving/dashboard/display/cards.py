"""Cards: one number each, with its name and a note."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from serving.dashboard.display.urgency import look_of


@dataclass(frozen=True)
class Card:
    """One number. An urgency gives its symbol and its colour."""

    name: str
    value: str
    note: str = ""
    urgency: str | None = None


def cards(items: Iterable[Card]) -> Markup:
    """The cards in a row that wraps."""
    return Markup('<div class="az-cards">{0}</div>').format(Markup("").join(_card(item) for item in items))


def _card(item: Card) -> Markup:
    look = look_of(item.urgency) if item.urgency else None
    edge = Markup(' style="border-left-color:{0}"').format(look.colour) if look else Markup("")
    symbol = Markup('<span aria-hidden="true">{0}</span> ').format(look.symbol) if look else Markup("")
    note = Markup('<div class="az-card-note">{0}</div>').format(item.note) if item.note else Markup("")
    return Markup('<div class="az-card"{0}><div class="az-card-name">{1}{2}</div><div class="az-card-value">{3}</div>{4}</div>').format(
        edge, symbol, item.name, item.value, note
    )
