"""The data contract of Altaviz: columns, units, windows and feature order, in pure Python.

All code that handles readings, features or windows takes its names from here. So training and serving cannot
drift apart. This module imports the standard library and the sensor names, nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from config.sections.sensors import DISCHARGE_PRESSURE as DISCHARGE_PRESSURE
from config.sections.sensors import DISCHARGE_TEMP as DISCHARGE_TEMP
from config.sections.sensors import GAS_FLOW as GAS_FLOW
from config.sections.sensors import HORSEPOWER as HORSEPOWER
from config.sections.sensors import MODEL_SENSORS as MODEL_SENSORS
from config.sections.sensors import PRESSURE_DIFFERENTIAL as PRESSURE_DIFFERENTIAL
from config.sections.sensors import RUN_SENSORS as RUN_SENSORS
from config.sections.sensors import SENSORS as SENSORS
from config.sections.sensors import SUCTION_PRESSURE as SUCTION_PRESSURE
from config.sections.sensors import TEMP_DELTA as TEMP_DELTA
from config.sections.sensors import VIBRATION as VIBRATION

COMPRESSOR_ID: Final = "compressor_id"
TIMESTAMP: Final = "timestamp"  # UTC
DATE: Final = "date"  # UTC calendar date of `timestamp`; silver and gold are partitioned by it
OPERATING_HOURS: Final = "operating_hours"

READING_FIELDS: Final[tuple[str, ...]] = (COMPRESSOR_ID, TIMESTAMP, *SENSORS, OPERATING_HOURS)
MISSING_TEXT: Final[tuple[str, ...]] = (
    "",
    "NA",
    "N/A",
    "n/a",
    "#N/A",
    "NaN",
    "nan",
    "null",
    "NULL",
    "None",
    "none",
    "-",
)  # no value, in a file

# Origin of a bronze row.
EVENT_DATE: Final = "_event_date"  # UTC date of the reading, null where the timestamp is: bronze is partitioned by it
SOURCE_FILE: Final = "_source_file"
SOURCE_SHA256: Final = "_source_sha256"
SOURCE_ROW: Final = "_source_row"  # position in the file, from 0
FILE_SEQ: Final = "_file_seq"  # rises with every loaded file: who was loaded last
LOADED_AT: Final = "_loaded_at"
FLAGGED_BAD_SENSORS: Final = "_flagged_bad"  # sensors that the source's own quality column calls bad, comma-separated; null: none

# Working columns of silver.
REASON: Final = "reason"  # why a row is rejected; null: it is kept
RAW_PREFIX: Final = "_raw_"  # a sensor's value as it was loaded, completed by other rows of the same reading
VERDICT_PREFIX: Final = "_verdict_"  # why a sensor's value is refused; null: it is not

# Why a row is rejected: of several the first in this order.
WITHDRAWN: Final = "withdrawn"  # its file was taken back with `altaviz withdraw`
MISSING_COMPRESSOR_ID: Final = "missing_compressor_id"
MISSING_TIMESTAMP: Final = "missing_timestamp"
IMPLAUSIBLE_TIMESTAMP: Final = "implausible_timestamp"  # before the earliest time of etl_config.yaml
UNKNOWN_COMPRESSOR: Final = "unknown_compressor"
FUTURE_TIMESTAMP: Final = "future_timestamp"
ALL_SENSORS_NULL: Final = "all_sensors_null"
MERGED: Final = "merged"  # its values complete another row of the same compressor and time
DUPLICATE: Final = "duplicate"

# Why a value is nulled.
OUT_OF_RANGE: Final = "out_of_range"
ISOLATED_SPIKE: Final = "isolated_spike"

# What is wrong with a sensor (features/sensor_health). A value with one of these is nulled with it as the reason; a sensor with none is `ok`.
FROZEN: Final = "frozen"
ZERO: Final = "zero"
UNIT_CHANGE: Final = "unit_change"
WRONG_UNIT: Final = "wrong_unit"
IMPLAUSIBLE: Final = "implausible"
FLAGGED_BAD: Final = "flagged_bad"
MISSING: Final = "missing"
SENSOR_FAULTS: Final[tuple[str, ...]] = (FROZEN, ZERO, UNIT_CHANGE, WRONG_UNIT, IMPLAUSIBLE, FLAGGED_BAD, MISSING)
ALL_SENSORS: Final = "all"  # as the sensor of a fault: every sensor at once, a dead link
DATA_FAULTS: Final = "data_faults"  # column of silver and gold: JSON text, the faults known at the reading; null: none

METADATA_FIELDS: Final[tuple[str, ...]] = ("compressor_id", "model", "horsepower", "install_date", "station_id")
EVENT_FIELDS: Final[tuple[str, ...]] = (
    "compressor_id",
    "event_date",
    "event_type",
    "description",
    "downtime_hours",
    "severity",
    "cost_usd",
)
EVENT_TYPES: Final[tuple[str, ...]] = ("scheduled", "unscheduled", "inspection", "failure")
FAILURE: Final = "failure"
MOST_DOWNTIME_HOURS: Final = 87_600.0  # of an event: ten years; more is a slip of the pen
RESETTING: Final[tuple[str, ...]] = ("scheduled", "unscheduled")  # repairs and services that make a machine good again

SENSOR_UNITS: Final = {VIBRATION: "mm/s", DISCHARGE_TEMP: "F", DISCHARGE_PRESSURE: "PSI"}  # of MODEL_SENSORS

STATUS_LEVELS: Final[tuple[str, ...]] = ("normal", "warning", "critical")  # encoded 0, 1, 2 in a model window

FEATURE_SET_VERSION: Final = "1"


@dataclass(frozen=True)
class RollingFeature:
    """A statistic of one sensor over the half-open window (t - hours, t].

    The standard deviation is the sample one.
    """

    name: str
    sensor: str
    hours: int
    statistic: str  # "mean" | "std" | "max"


ROLLING_FEATURES: Final[tuple[RollingFeature, ...]] = (
    RollingFeature("vibration_1hr_mean", VIBRATION, 1, "mean"),
    RollingFeature("vibration_1hr_std", VIBRATION, 1, "std"),
    RollingFeature("vibration_1hr_max", VIBRATION, 1, "max"),
    RollingFeature("vibration_4hr_mean", VIBRATION, 4, "mean"),
    RollingFeature("vibration_4hr_std", VIBRATION, 4, "std"),
    RollingFeature("vibration_24hr_mean", VIBRATION, 24, "mean"),
    RollingFeature("vibration_24hr_std", VIBRATION, 24, "std"),
    RollingFeature("temp_1hr_mean", DISCHARGE_TEMP, 1, "mean"),
    RollingFeature("temp_1hr_std", DISCHARGE_TEMP, 1, "std"),
    RollingFeature("temp_4hr_mean", DISCHARGE_TEMP, 4, "mean"),
    RollingFeature("temp_4hr_std", DISCHARGE_TEMP, 4, "std"),
    RollingFeature("temp_24hr_mean", DISCHARGE_TEMP, 24, "mean"),
    RollingFeature("temp_24hr_std", DISCHARGE_TEMP, 24, "std"),
    RollingFeature("pressure_1hr_mean", DISCHARGE_PRESSURE, 1, "mean"),
    RollingFeature("pressure_4hr_mean", DISCHARGE_PRESSURE, 4, "mean"),
    RollingFeature("pressure_24hr_mean", DISCHARGE_PRESSURE, 24, "mean"),
)
# By sensor that features are made of: its mean of one hour.
HOUR_MEANS: Final = {feature.sensor: feature.name for feature in ROLLING_FEATURES if (feature.hours, feature.statistic) == (1, "mean")}
VIBRATION_STATUS: Final = "vibration_status"
TEMP_STATUS: Final = "temp_status"
PRESSURE_STATUS: Final = "pressure_status"
STATUS_FEATURES: Final[dict[str, str]] = {
    VIBRATION_STATUS: VIBRATION,
    TEMP_STATUS: DISCHARGE_TEMP,
    PRESSURE_STATUS: DISCHARGE_PRESSURE,
}
# By sensor of the features: the feature that has a value only if the sensor has one in that hour.
HOUR_VALUES: Final = {sensor: feature for feature, sensor in STATUS_FEATURES.items()}
HOUR_OF_DAY: Final = "hour_of_day"  # 0-23, station's own time zone
DAY_OF_WEEK: Final = "day_of_week"  # 1=Monday..7=Sunday, station's own time zone
IS_WEEKEND: Final = "is_weekend"  # 0/1, station's own time zone

FEATURES: Final[tuple[str, ...]] = (
    *(feature.name for feature in ROLLING_FEATURES),
    TEMP_DELTA,
    PRESSURE_DIFFERENTIAL,
    *STATUS_FEATURES,
    HOUR_OF_DAY,
    DAY_OF_WEEK,
    IS_WEEKEND,
)

FEATURE_UNITS: Final[dict[str, str]] = {
    **{feature.name: SENSOR_UNITS[feature.sensor] for feature in ROLLING_FEATURES},
    TEMP_DELTA: "F/h",
    PRESSURE_DIFFERENTIAL: "PSI",
    **dict.fromkeys(STATUS_FEATURES, ", ".join(f"{code} {level}" for code, level in enumerate(STATUS_LEVELS))),
    HOUR_OF_DAY: "h",
    DAY_OF_WEEK: "1 Monday to 7 Sunday",
    IS_WEEKEND: "0 or 1",
}

# Typical level of a sensor, subtracted before squaring. It keeps floating point accurate and does not change the result.
TYPICAL_LEVEL: Final[dict[str, float]] = {VIBRATION: 3.0, DISCHARGE_TEMP: 200.0, DISCHARGE_PRESSURE: 1000.0}

MAX_LOOKBACK_HOURS: Final = 24  # the longest rolling window: what gold needs of the past
WINDOW_STEPS: Final = 24  # steps of one model window
WINDOW_STEP_HOURS: Final = 1  # hours between two steps

DAYS_DIGITS: Final = 2  # of a prediction as it is stored, so that report, warehouse and edge device agree
SHARE_DIGITS: Final = 4
USD_DIGITS: Final = 2

REGISTERED_MODEL: Final = "altaviz-rul"
CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
