"""Can the model be trusted? The champion and how it came to be, what came true of its predictions, and drift."""

from __future__ import annotations

from datetime import UTC
from typing import Final

import streamlit as st

from serving.dashboard.charts.outcomes import outcomes_chart, outcomes_text
from serving.dashboard.display.cards import Card, cards
from serving.dashboard.display.formatting import counted, local_time, number, percent
from serving.dashboard.display.model import check_columns, decision_columns, drift_columns, verdict_columns
from serving.dashboard.display.table import csv_text, html_table
from serving.dashboard.drawing import draw
from serving.dashboard.head import show_head
from serving.dashboard.queries.model import (
    DriftVerdict,
    champion_of,
    decisions,
    drift_rows,
    drift_verdicts,
    outcome_bands,
    used_versions,
)
from serving.dashboard.session import is_dark, read
from serving.dashboard.states import show_empty
from serving.warehouse.decisions import ModelDecision

_OUTCOME_DAYS: Final = 90
_MOST_COMPRESSORS: Final = 200  # of a larger fleet: enough for ten bands, and answered in a moment
_MOST_VERDICTS: Final = 60


def show() -> None:
    """The page."""
    show_head("Model")
    found = read(decisions)
    newest = champion_of(found)
    if newest is None:
        show_empty("No champion", "No model was promoted yet: run `altaviz train`.")
        return
    _champion(found, newest)
    st.subheader("Decisions", anchor=False)
    st.html(html_table(found, decision_columns(), "Decisions on models, newest first"))
    _download("model-decisions", csv_text(found, decision_columns()))
    _outcomes()
    _drift()


def champion_cards(version: str, decided: ModelDecision | None, covered: int) -> list[Card]:
    """The champion's numbers from the gate that let it in."""
    cells = [Card("Champion", f"version {version}", "" if decided is None else f"since {local_time(decided.decided_at, UTC, year=True)}")]
    metrics = {} if decided is None else decided.metrics
    if "rmse_days" in metrics:
        baseline = metrics.get("baseline_rmse_days")
        note = "" if baseline is None else f"baseline {number(baseline, 2)} d"
        cells.append(Card("Error (RMSE), held-out machines", f"{number(metrics['rmse_days'], 2)} d", note))
    if "coverage_90" in metrics:
        cells.append(Card("Lives inside the 90 % interval", percent(metrics["coverage_90"]), "90 % is right"))
    if "calibration_error" in metrics:
        cells.append(Card("Calibration error", number(metrics["calibration_error"], 3), "of the failure probability; 0 is best"))
    if "held_out_compressors" in metrics:
        cells.append(Card("Held-out machines", f"{metrics['held_out_compressors']:.0f}", "never trained on"))
    return [*cells, Card("Predictions in use", f"{covered:,}", counted(covered, "compressor"))]


def _champion(found: list[ModelDecision], newest: ModelDecision) -> None:
    version = newest.model_version
    promoted = next((item for item in found if item.model_version == version and item.decision == "promoted"), None)
    st.html(cards(champion_cards(version, promoted, int(read(used_versions).get(version, 0)))))
    st.caption(
        "The numbers are those of the gate, on machines that no model was trained on. The full card: "
        f"`altaviz models card {version}`; the experiments: `altaviz experiments`."
    )
    if promoted is not None and promoted.checks:
        st.subheader("Checks of the gate", anchor=False)
        st.html(html_table(promoted.checks, check_columns(), f"Checks of version {version}"))


def _outcomes() -> None:
    st.subheader("What came true", anchor=False)
    bands = read(outcome_bands, _OUTCOME_DAYS, _MOST_COMPRESSORS)
    if not bands:
        show_empty(
            "Nothing to compare yet",
            "A prediction is compared with what came once its horizon is over and no repair ended the life before.",
        )
        return
    total = sum(band.predictions for band in bands)
    st.caption(
        f"{counted(total, 'prediction')}, the last of each compressor and day, of the last {_OUTCOME_DAYS} days. Repaired lives are left out. "
        f"A fleet of more than {_MOST_COMPRESSORS} compressors is represented by that many, chosen by chance."
    )
    draw(outcomes_chart(bands, dark=is_dark()), outcomes_text(bands))


def _drift() -> None:
    st.subheader("Drift", anchor=False)
    verdicts = read(drift_verdicts, _MOST_VERDICTS)
    if not verdicts:
        show_empty("Not monitored yet", "`altaviz monitor` and every `altaviz run` compare the newest days with those of the training.")
        return
    newest = verdicts[0]
    st.html(
        cards(
            [
                Card("Drift", "yes" if newest.drift else "no", f"until {local_time(newest.metric_timestamp, UTC)}", _look(newest)),
                Card("Retraining", "called for" if newest.retrain else "not called for", f"version {newest.model_version}"),
                Card("Features drifted", f"{newest.drifted} of {newest.compared}"),
                Card("PSI of the predictions", number(newest.prediction_psi, 3)),
            ]
        )
    )
    rows = read(drift_rows, newest)
    st.html(html_table(rows, drift_columns(), "Distances from the training's data, drifted ones first"))
    _download("drift", csv_text(rows, drift_columns()))
    st.markdown("**What monitoring decided**")
    st.html(html_table(verdicts, verdict_columns(), "Verdicts on drift, newest first"))


def _look(verdict: DriftVerdict) -> str:
    return "warning" if verdict.drift else "healthy"


def _download(name: str, text: str) -> None:
    st.download_button(
        "CSV", text, file_name=f"{name}.csv", mime="text/csv", icon=":material/download:", on_click="ignore", key=f"csv-{name}"
    )
