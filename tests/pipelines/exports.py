"""Two exports as sites hand them over, of the demo's fleet: the ones that docs/tutorial.md follows."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from config.settings import Settings
from features.contract import (
    COMPRESSOR_ID,
    DISCHARGE_PRESSURE,
    DISCHARGE_TEMP,
    GAS_FLOW,
    HORSEPOWER,
    OPERATING_HOURS,
    SUCTION_PRESSURE,
    TIMESTAMP,
    VIBRATION,
)
from features.simulator.fleet import simulate
from features.simulator.plan import FleetRequest

CHICAGO = "America/Chicago"
PSI_PER_BAR = 14.503773773
TAGS = {
    VIBRATION: "VIB",
    DISCHARGE_TEMP: "TD",
    SUCTION_PRESSURE: "PS",
    DISCHARGE_PRESSURE: "PD",
    HORSEPOWER: "HP",
    GAS_FLOW: "FLOW",
    OPERATING_HOURS: "RUNHRS",
}
HEADERS = {
    COMPRESSOR_ID: "Anlage",
    TIMESTAMP: "Zeit",
    VIBRATION: "Schwingung [mm/s]",
    DISCHARGE_TEMP: "Temperatur [°C]",
    SUCTION_PRESSURE: "Saugdruck [bar]",
    DISCHARGE_PRESSURE: "Enddruck [bar]",
    HORSEPOWER: "Leistung [kW]",
    GAS_FLOW: "Durchfluss [m3/h]",
    OPERATING_HOURS: "Betriebsstunden [h]",
}


def demo_fleet(settings: Settings, folder: Path, interval_min: int = 10) -> pl.DataFrame:
    """The demo's fleet in the contract's units, its files below `folder`."""
    request = FleetRequest("demo", interval_min=interval_min, seed=settings.simulator.demo.seed)
    simulate(folder, settings.simulator, settings.fleet, request)
    return pl.read_parquet(folder / "readings" / "*.parquet").sort(COMPRESSOR_ID, TIMESTAMP)


def write_pi_export(fleet: pl.DataFrame, folder: Path) -> None:
    """A long file as a PI archive writes it: tag, local time, value in bar and degC, and words where it has none."""
    celsius = ((pl.col(DISCHARGE_TEMP) - 32) / 1.8).round(2)
    bar = [(pl.col(name) / PSI_PER_BAR).round(3) for name in (SUCTION_PRESSURE, DISCHARGE_PRESSURE)]
    unit = pl.col(COMPRESSOR_ID).str.replace("COMP-", "K")
    rows = (
        fleet.with_columns(celsius, *bar)
        .unpivot(list(TAGS), index=[COMPRESSOR_ID, TIMESTAMP], variable_name="sensor", value_name="Value")
        .sort(TIMESTAMP, COMPRESSOR_ID, maintain_order=True)
        .select(
            (pl.lit("TX.") + unit + "." + pl.col("sensor").replace_strict(TAGS)).alias("Tag"),
            pl.col(TIMESTAMP).dt.convert_time_zone(CHICAGO).dt.strftime("%Y-%m-%d %H:%M:%S").alias("Timestamp"),
            pl.when(pl.int_range(pl.len()) % 997 == 5).then(pl.lit("No Data")).otherwise(pl.col("Value").cast(pl.String)).alias("Value"),
        )
    )
    (folder / "readings").mkdir(parents=True)
    rows.write_csv(folder / "readings" / "archive.csv")


def write_excel_export(fleet: pl.DataFrame, folder: Path) -> None:
    """A sheet that a European Excel saved as text: semicolons, decimal commas, cp1252, day before month, local times."""
    rows = fleet.with_columns(
        pl.col(TIMESTAMP).dt.convert_time_zone("Europe/Berlin").dt.strftime("%d.%m.%Y %H:%M"),
        ((pl.col(DISCHARGE_TEMP) - 32) / 1.8).round(2),
        *((pl.col(name) / PSI_PER_BAR).round(3) for name in (SUCTION_PRESSURE, DISCHARGE_PRESSURE)),
        (pl.col(HORSEPOWER) / 1.3410220896).round(2),
        (pl.col(GAS_FLOW) * 28.316846592 / 24).round(1),
    ).select(pl.col(name).alias(header) for name, header in HEADERS.items())
    (folder / "readings").mkdir(parents=True)
    text = rows.write_csv(separator=";", decimal_comma=True, line_terminator="\r\n")
    (folder / "readings" / "Messwerte.csv").write_bytes(text.encode("cp1252"))
