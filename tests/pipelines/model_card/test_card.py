"""The model card of a tiny fleet with hostile reference data: its numbers are the trial's, and no name becomes markup."""

from __future__ import annotations

import html
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from config.settings import Settings
from features.contract import FEATURES
from features.grid import History
from features.lake import COMPRESSORS, EVENTS, GOLD, Lake
from features.model_file.onnx_model import OnnxModel
from features.model_file.weibull_lifetime import Ageing
from features.reference_tables.tables import COMPRESSOR_KEY, COMPRESSOR_SCHEMA, EVENT_KEY, EVENT_SCHEMA, merge_reference
from pipelines.model_card.card import ModelCard, make_card
from pipelines.model_card.page import to_html, to_markdown
from pipelines.runtime.templates import escape
from serving.warehouse.decisions import ModelDecision
from tests.serving.gold import gold_row, mean_model, write_gold
from training.baselines.tabular import GRADIENT_BOOSTING, fit_baseline
from training.calibration.calibrate import neutral
from training.data.dataset import IndexedWindows, LabelLimits
from training.data.history import Source, TrainingHistory
from training.data.labelled_fleet import label_fleet
from training.diagnostics.footprint import Footprint
from training.measurement import measure, measure_baseline
from training.network.ensemble import EnsembleFit
from training.network.export import Export
from training.trial import Trial, split_fleet

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS, HOURS = 20, 20 * 24
IDS = [f"<b>C-{n:02d}</b> & $1$ | _x_ *y*" for n in range(20)]
MODELS = ["<script>alert(1)</script> 360", "JGK/4 | [a](http://evil.example) ![b](http://evil.example/b.png)"]
FAILURES = ["# bearing `failed`\n\n<img src=http://evil.example/c.png>", "valve ~~lost~~ https://evil.example"]
REASON = "test RMSE 1 d <beats> the baseline's 2 d | https://evil.example"
PLAIN = {"html", "head", "meta", "title", "style", "body", "p", "table", "thead", "tbody", "tr", "th", "td"}


@dataclass(frozen=True)
class Made:
    card: ModelCard
    trial: Trial
    markdown: str
    page: str


class Page(HTMLParser):
    """Tags, addresses and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag == "img":
            self.images.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


AGEING = Ageing(3.2, 42.0, 60.4)


@pytest.fixture(scope="module")
def made(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Twenty compressors over 20 days. Even ones fail on days 12 and 19, every third of the others on day 15.

    The model predicts the mean of `vibration_1hr_mean` over the window. Here that falls with the remaining life, within a day.
    """
    lake = Lake(str(tmp_path_factory.mktemp("card")))
    write_gold(Path(lake.uri(GOLD)), [gold_row(IDS[0], START)])
    merge_reference(lake, COMPRESSORS, _compressors(), COMPRESSOR_KEY)
    merge_reference(lake, EVENTS, _failures(), EVENT_KEY)
    past = TrainingHistory([Source(lake, lake.delta(GOLD))])
    random = np.random.default_rng(5)
    values = random.normal(1.0, 0.1, (len(IDS), HOURS, len(FEATURES))).astype(np.float32)
    left = np.clip(DAYS - np.arange(HOURS) / 24, 0, None)
    values[:, :, 0] = np.abs(left + random.normal(0.0, 1.0, (len(IDS), 1)))
    values[:, 100:110] = np.nan
    history = History(values.reshape(-1, len(FEATURES)), IDS, START, HOURS)
    config = settings.model
    fleet = label_fleet(history, past.events(), config.labels, settings.scoring.min_steps)
    parts = split_fleet(fleet, config)
    baseline = fit_baseline(
        GRADIENT_BOOSTING,
        IndexedWindows(history.values, parts.evenly, 24),
        config.baseline.model_copy(update={"max_iter": 5}),
        LabelLimits.of(config.labels),
        seed=1,
    )
    onnx = mean_model().onnx
    predictions = OnnxModel(onnx, 1).predict_rows(history.values, parts.test.first_row, parts.test.end, 512)
    metrics = measure(parts.test, predictions, config.labels.horizon_days)
    metrics |= {f"baseline_{name}": value for name, value in measure_baseline(history.values, parts.test, baseline).items()}
    fit = EnsembleFit([], 1.0, 1.0, neutral(2, config.labels.max_rul_days))
    trial = Trial(parts, fit, AGEING, Export(onnx, 1e-6, 10), baseline, predictions, metrics)
    checks = [{"name": "baseline", "passed": False, "says": REASON}]
    decided = ModelDecision("", START, "refused", "train", None, "6", "run<1>", [REASON], {}, checks)
    cost = Footprint(len(onnx), 580, 2, 0.4321, 0.8765, 100, 12345.6)
    card = make_card(settings, past, fleet, trial, cost, decided)
    markdown = to_markdown(card.facts, "7", card.figures)
    return Made(card, trial, markdown, to_html(markdown, card.figures))


def _compressors() -> pl.DataFrame:
    rows = [(name, MODELS[number % 2], 1340.0, START.date(), "STATION-A") for number, name in enumerate(IDS)]
    return pl.DataFrame(rows, schema=COMPRESSOR_SCHEMA, orient="row")


def _failures() -> pl.DataFrame:
    days = [(number, day) for number in range(len(IDS)) for day in ((12, 19) if number % 2 == 0 else (15,) if number % 3 == 0 else ())]
    rows = [(IDS[n], START + timedelta(days=day), "failure", FAILURES[day % 2], 12.0, "critical", 1.0) for n, day in days]
    return pl.DataFrame(rows, schema=EVENT_SCHEMA, orient="row")


def test_the_numbers_on_the_card_are_those_of_the_trial(made: Made) -> None:
    metrics, test = made.trial.metrics, made.trial.parts.test
    assert f"| RMSE, days | {metrics['rmse_days']:.3f} | {metrics['baseline_rmse_days']:.3f} |" in made.markdown
    assert f"| lives inside the 90 % interval | {100 * metrics['coverage_90']:.1f} % | - |" in made.markdown
    assert f"| mean width of the interval, days | {metrics['mean_width_90_days']:.1f} | - |" in made.markdown
    overall = made.card.facts["judged"]["overall"]
    assert overall["rmse_days"] == pytest.approx(metrics["rmse_days"], abs=1e-4)
    assert overall["baseline_rmse_days"] == pytest.approx(metrics["baseline_rmse_days"], abs=1e-4)
    assert overall["coverage_90"] == pytest.approx(metrics["coverage_90"], abs=1e-4)
    assert f"| test | {len(np.unique(test.unit))} |" in made.markdown
    assert f"| ONNX file | {len(made.trial.export.model):,} bytes |" in made.markdown
    assert "| one window, median of 200 calls (99 %) | 0.43 ms (0.88 ms) |" in made.markdown
    assert "| 100 windows at once | 12,346 windows/s |" in made.markdown


def test_the_slices_of_each_grouping_add_up_to_all_windows(made: Made) -> None:
    windows = int((~made.trial.parts.test.censored).sum())
    slices = made.card.facts["judged"]["slices"]
    assert {grouping: sum(one["windows"] for one in by_name.values()) for grouping, by_name in slices.items()} == dict.fromkeys(
        ("model", "rul_days", "failure"), windows
    )
    assert set(slices["failure"]) <= set(FAILURES)
    assert made.card.facts["judged"]["overall"]["windows"] == windows
    parts = made.card.facts["data"]["parts"]
    assert sum(part["compressors"] for part in parts.values()) == len(IDS)
    assert sum(part["failures"] for part in parts.values()) == 2 * 10 + 3


def test_the_page_needs_nothing_else_and_has_no_script(made: Made) -> None:
    page = Page(made.page)
    assert len(page.addresses) == len(page.images) == len(made.card.figures) == 4
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert all(image["alt"] for image in page.images)
    assert page.tags <= PLAIN | {"h1", "h2", "h3", "ul", "li", "strong", "code", "pre", "img"}
    assert "url(" not in made.page


def test_a_name_from_the_data_is_shown_and_does_nothing(made: Made) -> None:
    page = Page(made.page)
    for name in (made.card.facts["judged"]["shown"][0]["name"], *MODELS, REASON, "run<1>"):
        assert " ".join(name.split()) in page.text
    assert "# bearing `failed` <img src=http://evil.example/c.png>" in page.text
    assert html.escape(MODELS[0]) in made.page
    assert page.text.count(REASON) == 2  # as a reason of the verdict, and as what a check has found


@pytest.mark.parametrize(
    "text", ["# a", "- a", "+ a", "1. a", "2) a", "=", "a_b c", "_a_", "**a**", "a\\", "`a`", "<a>", "&lt;", "[a](b)", "a | b", "a\n\nb"]
)
def test_text_is_shown_as_it_is(text: str) -> None:
    page = Page(to_html(f"title\n\n{escape(text)}\n\n| {escape(text)} |\n|---|\n| x |\n", {}))
    assert page.text.count(" ".join(text.split())) == 2
    assert page.tags <= PLAIN


def test_the_card_says_what_it_was_made_from_and_where_it_does_not_hold(made: Made) -> None:
    assert "Delta version 0" in made.markdown
    assert str(made.card.facts["data"]["sources"][0]["id"]) in made.markdown
    assert not any(part in made.markdown for part in ("/tmp", "file:///"))
    ranges = {feature["name"]: feature for feature in made.card.facts["ranges"]["features"]}
    assert set(ranges) == set(FEATURES)
    assert ranges["vibration_1hr_mean"]["unit"] == "mm/s"
    low, middle, high = ranges["vibration_1hr_mean"]["quantiles"]
    assert 0 <= low < middle < high < DAYS + 4
    assert "It never predicts more than 30 days" in made.markdown
    assert "From a renewal to a failure it takes 37.6 days on average (Weibull law of shape 3.20" in made.markdown
    importance = made.card.facts["importance"]["together"]
    assert next(iter(importance)) == "vibration"
    assert importance["calendar"] == pytest.approx(0.0)
