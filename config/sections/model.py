"""Schema of model_config.yaml: labels, network, fitting, split, export, baselines and the C-MAPSS benchmark."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from config.loader import Rising, Section

Censored = Literal["bound", "drop", "cap", "end"]


class LabelSection(Section):
    """The labels that a model of compressors is trained on; days."""

    max_rul_days: float = Field(gt=0)
    horizon_days: float = Field(gt=0)
    censored: Censored

    @model_validator(mode="after")
    def _horizon_is_below_the_cap(self) -> Self:
        if self.horizon_days >= self.max_rul_days:
            raise ValueError("horizon_days must be below max_rul_days")
        return self


class WindowSection(Section):
    """Which windows of a fleet's history are used."""

    train_stride_hours: int = Field(gt=0)
    near_stride_hours: int = Field(gt=0)
    near_days: float = Field(ge=0)
    judge_stride_hours: int = Field(gt=0)


class NetworkSection(Section):
    """The network; the same builder serves every contract."""

    lstm_units: list[PositiveInt] = Field(min_length=1)
    dense_units: int = Field(gt=0)
    dropout: float = Field(ge=0, lt=1)
    clip_sigma: float = Field(gt=0)
    bound_stretch: float = Field(ge=0, lt=0.5)


class FitSection(Section):
    """How a network is fitted."""

    epochs: int = Field(gt=0)
    patience: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    final_learning_rate_fraction: float = Field(ge=0, le=1)
    clip_norm: float = Field(gt=0)
    interval_weight: float = Field(ge=0)
    failure_weight: float = Field(ge=0)


class EnsembleSection(Section):
    """How many networks there are, and how many folds the units are cut into."""

    folds: int = Field(gt=1)
    networks: int = Field(gt=0)

    @model_validator(mode="after")
    def _every_network_has_a_fold(self) -> Self:
        if self.networks > self.folds:
            raise ValueError("networks must be at most folds: each network leaves out a fold of its own")
        return self


class CalibrationSection(Section):
    """How intervals and probabilities are made to hold on unseen units."""

    bands: int = Field(gt=1)
    least_windows: int = Field(gt=0)
    life_bands: Rising[PositiveFloat] = Field(min_length=1)
    least_coverage: float = Field(gt=0, lt=1)
    least_life_coverage: float = Field(gt=0, lt=1)
    least_cap_coverage: float = Field(gt=0, lt=1)


class AgeingSection(Section):
    """When a lifetime law is fitted to the maintenance events."""

    least_failures: int = Field(gt=1)


class AugmentationSection(Section):
    """Standard deviations by which the levels of a training window are moved; 0 moves nothing."""

    vibration_log_std: float = Field(ge=0)
    temp_std_f: float = Field(ge=0)
    pressure_std_psi: float = Field(ge=0)


class SplitSection(Section):
    """Shares of the units; the rest trains."""

    validation_fraction: float = Field(gt=0, lt=1)
    test_fraction: float = Field(ge=0, lt=1)
    seed: int

    @model_validator(mode="after")
    def _something_is_left_to_train_on(self) -> Self:
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError("validation_fraction + test_fraction must leave units to train on")
        return self


class ExportSection(Section):
    """When an ONNX model is accepted."""

    opset: int = Field(ge=15)
    max_abs_difference: float = Field(gt=0)
    check_windows: int = Field(gt=0)


class ScoringSection(Section):
    """How ONNX Runtime is called."""

    threads: int = Field(gt=0)
    batch_size: int = Field(gt=0)


class BaselineSection(Section):
    """Gradient boosting on the last row of each window."""

    max_iter: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    max_leaf_nodes: int = Field(gt=1)
    l2_regularization: float = Field(ge=0)
    max_windows: int = Field(gt=0)
    ridge_alpha: float = Field(ge=0)


class CmapssSection(Section):
    """The C-MAPSS benchmark; cycles.

    It is another contract for the same dataset, network, fit, export and scoring code.
    """

    max_rul_cycles: float = Field(gt=0)
    horizon_cycles: float = Field(gt=0)
    window_cycles: int = Field(gt=1)
    life_features: bool
    most_regimes: int = Field(gt=0)
    least_silhouette: float = Field(gt=0, lt=1)
    silhouette_rows: int = Field(gt=1)
    constant_std: float = Field(ge=0)
    truncations_per_unit: int = Field(gt=0)
    first_seed: int
    network: NetworkSection
    fit: FitSection
    ensemble: EnsembleSection
    export: ExportSection
    calibration: CalibrationSection


class ModelConfig(Section):
    """All of model_config.yaml; loaded by `config.loader.load_section`."""

    labels: LabelSection
    windows: WindowSection
    network: NetworkSection
    fit: FitSection
    ensemble: EnsembleSection
    calibration: CalibrationSection
    ageing: AgeingSection
    augmentation: AugmentationSection
    split: SplitSection
    export: ExportSection
    scoring: ScoringSection
    baseline: BaselineSection
    cmapss: CmapssSection
