"""The reference tables after one file and the next: what is gone is taken back, what returns is restored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake

from config.errors import MetadataError
from config.settings import Settings
from config.site.reference_files import ReferenceFilesSection
from features.lake import COMPRESSORS, EVENTS, Lake
from features.reference_tables.loading import ReferenceReport, ReferenceRules, load_reference, read_rejects
from features.reference_tables.renewals import read_renewals
from features.reference_tables.tables import (
    COMPRESSOR_SCHEMA,
    EVENT_SCHEMA,
    read_fleet,
    read_reference,
    read_reference_history,
    read_retired,
    write_compressors,
)
from features.reference_tables.taking_back import retire_by_hand, take_into_service

NOW = datetime(2026, 3, 10, tzinfo=UTC)
METADATA_HEADER = "compressor_id,model,horsepower,install_date,station_id"
EVENT_HEADER = "compressor_id,event_date,event_type,description,downtime_hours,severity,cost_usd"
FLEET = ("C-1", "C-2", "C-3", "C-4")


class Site:
    """A folder that is handed over again and again."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder, self.settings = folder / "site", settings
        self.folder.mkdir()
        self.lake = Lake(str(folder / "lake"))
        self.ingests = 0

    def hand_over(
        self, *compressors: str, events: list[str] | None = None, header: str = METADATA_HEADER, site: ReferenceFilesSection | None = None
    ) -> ReferenceReport:
        """The next ingest, an hour later. A compressor is its id, or a whole row."""
        rows = [row if "," in row else f"{row},,,,STATION-{'A' if row < 'C-3' else 'B'}" for row in compressors]
        if rows:
            (self.folder / "compressor_metadata.csv").write_text("\n".join([header, *rows, ""]))
        if events is not None:
            (self.folder / "maintenance_events.csv").write_text("\n".join([EVENT_HEADER, *(f"{event},,,," for event in events), ""]))
        self.ingests += 1
        rules = ReferenceRules(self.settings.fleet, self.settings.etl.ingest, site or ReferenceFilesSection())
        return load_reference(self.lake, self.folder, rules, NOW + timedelta(hours=self.ingests))

    def fleet(self) -> list[str]:
        return read_fleet(self.lake)["compressor_id"].to_list()

    def events(self) -> list[str]:
        rows = read_reference(self.lake, EVENTS).select("compressor_id", pl.col("event_date").dt.strftime("%m-%d"), "event_type")
        return [",".join(row) for row in rows.iter_rows()]


@pytest.fixture
def site(tmp_path: Path, settings: Settings) -> Site:
    return Site(tmp_path, settings)


def test_an_event_that_is_gone_is_withdrawn_and_comes_back(site: Site) -> None:
    booked = ["C-1,2026-03-02,scheduled", "C-2,2026-03-02,scheduled", "C-2,2026-03-08,unscheduled"]
    moved = [*booked[:2], "C-1,2026-03-08,unscheduled"]
    assert site.hand_over(*FLEET, events=booked).withdrawn_events == []
    before = read_renewals(read_reference(site.lake, EVENTS)).at(["C-1", "C-2"], NOW)
    report = site.hand_over(*FLEET, events=moved)
    assert report.withdrawn_events == [
        {"compressor_id": "C-2", "event_date": datetime(2026, 3, 8, tzinfo=UTC), "event_type": "unscheduled"}
    ]
    assert site.events() == ["C-1,03-02,scheduled", "C-1,03-08,unscheduled", "C-2,03-02,scheduled"]
    after = read_renewals(read_reference(site.lake, EVENTS)).at(["C-1", "C-2"], NOW)
    assert (before["C-2"].day, after["C-2"].day, after["C-1"].day) == (8, 2, 8)
    kept = read_reference_history(site.lake, EVENTS).filter(pl.col("withdrawn_at").is_not_null())
    assert kept["withdrawn_at"].to_list() == [NOW + timedelta(hours=2)]
    assert kept["withdrawn_by"][0].startswith("maintenance_events.csv ")
    report = site.hand_over(*FLEET, events=booked)
    assert [event["compressor_id"] for event in report.restored_events] == ["C-2"]
    assert [event["compressor_id"] for event in report.withdrawn_events] == ["C-1"]
    assert read_renewals(read_reference(site.lake, EVENTS)).at(["C-1", "C-2"], NOW) == before


def test_the_same_files_again_change_no_table(site: Site) -> None:
    files = {"events": ["C-1,2026-03-02,scheduled", "C-9,2026-03-02,failure"]}
    site.hand_over(*FLEET, **files)
    versions = [site.lake.version(table) for table in (COMPRESSORS, EVENTS, "reference_rejects")]
    again = site.hand_over(*FLEET, **files)
    assert [site.lake.version(table) for table in (COMPRESSORS, EVENTS, "reference_rejects")] == versions
    assert again.rejected_events == {"unknown_compressor": 1}


def test_a_file_speaks_only_for_the_compressors_that_came_with_it(site: Site) -> None:
    site.hand_over(*FLEET, events=["C-1,2026-03-02,scheduled", "C-2,2026-03-02,scheduled"])
    assert site.hand_over("C-1", "C-3", "C-4", events=["C-1,2026-03-02,scheduled"]).withdrawn_events == []
    (site.folder / "compressor_metadata.csv").unlink()
    assert site.hand_over(events=["C-1,2026-03-03,scheduled"]).withdrawn_events != []  # of C-1, which it names
    assert site.events() == ["C-1,03-03,scheduled", "C-2,03-02,scheduled"]


def test_a_rolling_export_speaks_only_for_its_last_days(site: Site) -> None:
    rolling = ReferenceFilesSection.model_validate({"events": {"covers_days": 30}})
    site.hand_over(*FLEET, events=["C-1,2026-01-01,failure", "C-1,2026-02-20,scheduled", "C-2,2026-03-01,inspection"])
    report = site.hand_over(*FLEET, events=["C-2,2026-03-01,inspection"], site=rolling)
    assert [event["event_date"].month for event in report.withdrawn_events] == [2]
    assert site.events() == ["C-1,01-01,failure", "C-2,03-01,inspection"]


def test_a_partial_file_takes_nothing_back_and_says_so(site: Site) -> None:
    site.hand_over(*FLEET, events=[f"C-{unit},2026-03-0{day},inspection" for unit in (1, 2) for day in (1, 2, 3)])
    report = site.hand_over("C-1", events=["C-1,2026-03-01,inspection"])
    assert (report.retired_compressors, site.fleet()) == ([], list(FLEET))
    assert report.held_withdrawals["compressor_metadata.csv"].startswith(
        "3 of 4 compressors are gone, more than 50%: the file seems partial"
    )
    assert [event["event_date"].day for event in report.withdrawn_events] == [2, 3]  # of C-1, which the list names
    report = site.hand_over(*FLEET, events=["C-3,2026-03-01,inspection"])
    assert report.withdrawn_events == []  # four of four are gone
    assert len(site.events()) == 5


def test_a_file_that_was_cut_off_takes_nothing_back(site: Site) -> None:
    site.hand_over(*FLEET, events=["C-1,2026-03-02,scheduled", "C-2,2026-03-02,scheduled"])
    path = site.folder / "maintenance_events.csv"
    path.write_text(f"{EVENT_HEADER}\nC-1,2026-03-02,scheduled,,,,\nC-3,2026-03-0")
    report = site.hand_over()
    assert (report.withdrawn_events, report.rejected_events) == ([], {"bad_date": 1})
    assert "its last line has no line end" in report.held_withdrawals["maintenance_events.csv"]
    assert len(site.events()) == 2


def test_an_event_whose_row_cannot_be_read_any_more_stays(site: Site) -> None:
    site.hand_over(*FLEET, events=["C-1,2026-03-02,scheduled", "C-2,2026-03-02,scheduled"])
    report = site.hand_over(*FLEET, events=["C-1,2026-03-02,Emergency", "C-2,soon,scheduled"])
    assert (report.withdrawn_events, report.rejected_events) == ([], {"unknown_event_type": 1, "bad_date": 1})
    assert len(site.events()) == 2


def test_a_compressor_that_is_gone_is_retired_and_stays_known(site: Site) -> None:
    site.hand_over(*FLEET)
    assert site.hand_over("C-1", "C-2", "C-3").retired_compressors == ["C-4"]
    assert (site.fleet(), read_retired(site.lake)) == (["C-1", "C-2", "C-3"], ["C-4"])
    assert read_reference(site.lake, COMPRESSORS)["compressor_id"].to_list() == list(FLEET)
    kept = read_reference_history(site.lake, COMPRESSORS).row(3, named=True)
    assert (kept["retired_at"], kept["retired_by_hand"]) == (NOW + timedelta(hours=2), False)
    assert kept["retired_by"].startswith("compressor_metadata.csv ")
    assert site.hand_over(*FLEET).restored_compressors == ["C-4"]
    assert site.fleet() == list(FLEET)


def test_a_compressor_whose_row_is_bad_stays_in_service(site: Site) -> None:
    site.hand_over(*FLEET)
    report = site.hand_over("C-1", "C-2", "C-3", "C-4,,,,Somewhere")
    assert (report.retired_compressors, site.fleet()) == ([], list(FLEET))
    assert [(row.line, row.word) for row in report.rejected_reference_rows] == [(5, "Somewhere")]


def test_a_retired_date_retires_from_that_day_on(site: Site) -> None:
    header = f"{METADATA_HEADER},retired_date"
    rows = ["C-1,,,,STATION-A,", "C-2,,,,STATION-A,2026-03-01", "C-3,,,,STATION-A,2026-04-01"]
    assert site.hand_over(*rows, header=header).retired_compressors == ["C-2"]
    assert site.fleet() == ["C-1", "C-3"]
    assert site.hand_over(*FLEET[:3]).restored_compressors == ["C-2"]


def test_a_retirement_by_hand_outlives_a_file_that_still_lists_the_compressor(site: Site) -> None:
    site.hand_over(*FLEET)
    write_compressors(site.lake, retire_by_hand(read_reference_history(site.lake, COMPRESSORS), "C-2", "by hand: sold", NOW))
    report = site.hand_over(*FLEET)
    assert (report.still_retired_compressors, report.restored_compressors, site.fleet()) == (["C-2"], [], ["C-1", "C-3", "C-4"])
    write_compressors(site.lake, take_into_service(read_reference_history(site.lake, COMPRESSORS), "C-2"))
    assert site.fleet() == list(FLEET)


def test_a_list_of_one_station_retires_nobody_of_another_where_site_yaml_says_so(site: Site) -> None:
    stations = ReferenceFilesSection.model_validate({"compressors": {"covers": "stations"}})
    site.hand_over(*FLEET, site=stations)
    assert site.hand_over("C-1", site=stations).retired_compressors == ["C-2"]
    assert site.fleet() == ["C-1", "C-3", "C-4"]


def test_a_file_that_cannot_be_used_is_refused_by_name_and_the_other_is_loaded(site: Site) -> None:
    site.hand_over(*FLEET, events=["C-1,2026-03-02,scheduled"])
    (site.folder / "compressor_metadata.csv").write_text("compressor_id,model\nC-1,a\n")
    report = site.hand_over(events=["C-1,2026-03-02,scheduled", "C-1,2026-03-03,Fault"])
    assert list(report.refused_reference_files) == ["compressor_metadata.csv"]
    assert "lacks the column(s) horsepower, install_date, station_id" in report.refused_reference_files["compressor_metadata.csv"]
    assert site.fleet() == list(FLEET)
    noted = [(row["file"], row["line"], row["reason"]) for row in read_rejects(site.lake)]
    assert noted == [("compressor_metadata.csv", None, "refused_file"), ("maintenance_events.csv", 3, "unknown_event_type")]
    site.hand_over(*FLEET, events=["C-1,2026-03-02,scheduled"])
    assert read_rejects(site.lake) == []


def test_of_several_files_that_fit_the_last_by_name_is_read_and_the_others_are_told(site: Site) -> None:
    pattern = ReferenceFilesSection.model_validate({"events": {"file": "WO_*.csv"}})
    for day in (1, 2):
        (site.folder / f"WO_{day}.csv").write_text(f"{EVENT_HEADER}\nC-1,2026-03-0{day},failure,,,,\n")
    report = site.hand_over(*FLEET, site=pattern)
    assert site.events() == ["C-1,03-02,failure"]
    assert report.assumed_of_reference_files["WO_2.csv"][0].startswith("2 files fit its pattern; the last by name is read")


def test_without_a_single_compressor_nothing_can_begin(site: Site) -> None:
    with pytest.raises(MetadataError, match=r"compressor_metadata.csv is missing and no compressor is known yet: add it with the columns"):
        site.hand_over()
    with pytest.raises(MetadataError, match=r"no row can be used; line 2: unknown_station 'Z': write one of STATION-A"):
        site.hand_over("C-1,,,,Z")
    (site.folder / "compressor_metadata.csv").write_text("compressor_id\nC-1\n")
    with pytest.raises(MetadataError, match=r"lacks the column\(s\) model"):
        site.hand_over()


def test_tables_from_before_are_read_and_grow(site: Site) -> None:
    old = pl.DataFrame([{"compressor_id": name, "station_id": "STATION-A"} for name in FLEET])
    write_deltalake(
        site.lake.uri(COMPRESSORS),
        old.select(pl.lit(None, kind).alias(name) if name not in old.columns else name for name, kind in COMPRESSOR_SCHEMA.items()),
    )
    event = {"compressor_id": "C-1", "event_date": NOW, "event_type": "failure"}
    write_deltalake(site.lake.uri(EVENTS), pl.DataFrame([event], schema=EVENT_SCHEMA))
    assert (site.fleet(), site.events()) == (list(FLEET), ["C-1,03-10,failure"])
    report = site.hand_over("C-1", "C-2", "C-3", events=[])
    assert (report.retired_compressors, len(report.withdrawn_events)) == (["C-4"], 1)
    assert (site.fleet(), site.events()) == (["C-1", "C-2", "C-3"], [])


def test_the_cases_of_the_field(site: Site, settings: Settings) -> None:
    cases = Path(__file__).parents[3].parent / "shared" / "cases"
    if not (cases / "cmms-correction").is_dir():
        pytest.skip(f"no cases at {cases}")
    rules = ReferenceRules(settings.fleet, settings.etl.ingest, ReferenceFilesSection())
    load_reference(site.lake, cases / "cmms-correction" / "step1", rules, NOW)
    report = load_reference(site.lake, cases / "cmms-correction" / "step2", rules, NOW)
    assert [(event["compressor_id"], event["event_date"]) for event in report.withdrawn_events] == [
        ("COMP-007", datetime(2026, 3, 8, 22, tzinfo=UTC))
    ]
    report = load_reference(site.lake, cases / "one-bad-event-row", rules, NOW)
    assert report.rejected_events == {"unknown_event_type": 1}
    assert [(row.line, row.word) for row in report.rejected_reference_rows] == [(13, "Emergency shutdown")]
    report = load_reference(site.lake, cases / "frozen-last-good", rules, NOW)
    assert (report.retired_compressors, report.withdrawn_events) == ([], [])
    assert report.held_withdrawals["compressor_metadata.csv"].startswith("9 of 10 compressors are gone")
