"""Statistics of an evaluation, as functions of arrays: intervals, tests, calibration, decisions, pools, survival."""

from skfuse.evaluation.statistics._calibration import (
    Calibration,
    CalibrationRegression,
    ClippedProbabilityWarning,
    calibration,
    calibration_regression,
    smooth_calibration_curve,
)
from skfuse.evaluation.statistics._coverage import MeasuredCoverage, measured_coverage
from skfuse.evaluation.statistics._decision import (
    Classification,
    NetBenefit,
    choose_threshold,
    classification_at,
    net_benefit,
)
from skfuse.evaluation.statistics._delong import DeLong, DeLongTest, delong, delong_test
from skfuse.evaluation.statistics._influence import influence
from skfuse.evaluation.statistics._intervals import CrossValidatedInterval, cross_validated_interval
from skfuse.evaluation.statistics._pool import Pool, random_effects_pool
from skfuse.evaluation.statistics._resampled import ResampledT, corrected_resampled_t
from skfuse.evaluation.statistics._sample_size import SampleSize, max_cox_snell_r2, riley_sample_size
from skfuse.evaluation.statistics._survival import (
    DynamicAUC,
    brier_score,
    concordance,
    cumulative_dynamic_auc,
    integrated_brier_score,
)

__all__ = [
    "Calibration",
    "CalibrationRegression",
    "Classification",
    "ClippedProbabilityWarning",
    "CrossValidatedInterval",
    "DeLong",
    "DeLongTest",
    "DynamicAUC",
    "MeasuredCoverage",
    "NetBenefit",
    "Pool",
    "ResampledT",
    "SampleSize",
    "brier_score",
    "calibration",
    "calibration_regression",
    "choose_threshold",
    "classification_at",
    "concordance",
    "corrected_resampled_t",
    "cross_validated_interval",
    "cumulative_dynamic_auc",
    "delong",
    "delong_test",
    "influence",
    "integrated_brier_score",
    "max_cox_snell_r2",
    "measured_coverage",
    "net_benefit",
    "random_effects_pool",
    "riley_sample_size",
    "smooth_calibration_curve",
]
