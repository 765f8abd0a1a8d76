"""Names of the sensors, and of the quantities that have limits; pure Python.

Configuration, readings and features all use these names.
"""

from __future__ import annotations

from typing import Final

VIBRATION: Final = "vibration_mms"  # mm/s RMS
DISCHARGE_TEMP: Final = "discharge_temp_f"  # F
SUCTION_PRESSURE: Final = "suction_pressure_psi"  # PSI
DISCHARGE_PRESSURE: Final = "discharge_pressure_psi"  # PSI
HORSEPOWER: Final = "horsepower_consumption"  # hp
GAS_FLOW: Final = "gas_flow_mcf"  # Mcf/day

SENSORS: Final[tuple[str, ...]] = (
    VIBRATION,
    DISCHARGE_TEMP,
    SUCTION_PRESSURE,
    DISCHARGE_PRESSURE,
    HORSEPOWER,
    GAS_FLOW,
)
MODEL_SENSORS: Final = (VIBRATION, DISCHARGE_TEMP, DISCHARGE_PRESSURE)  # that features are made of

TEMP_DELTA: Final = "temp_1hr_delta"  # F/h, against the reading exactly one hour before
PRESSURE_DIFFERENTIAL: Final = "pressure_differential"  # PSI, discharge - suction
DERIVED: Final[tuple[str, ...]] = (PRESSURE_DIFFERENTIAL, TEMP_DELTA)  # quantities with limits that no sensor measures

RUN_SENSORS: Final = (VIBRATION, HORSEPOWER, GAS_FLOW)  # their level shows whether a unit runs
