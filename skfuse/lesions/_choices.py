"""Statistic, handling of lesion volume and covariates: what fits together, and what each makes of the data."""

import warnings

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from skfuse.lesions._packed_columns import PackedColumns, ScaledColumns
from skfuse.permutation import LinearStatistic

LINEAR = ("t", "regression")
TWO_SAMPLE = ("welch", "brunner-munzel")
BINARY = ("liebermeister", "chi2")
STATISTICS = (*LINEAR, *TWO_SAMPLE, *BINARY)
VOLUMES = ("covariate", "residualize", "dtlvc", "none")
_CONFOUNDED = 0.3


class VolumeConfoundWarning(UserWarning):
    """The score goes with lesion volume, and the analysis does not take it out."""


def refuse_unfit(statistic, volume, covariates):
    """Say which choices exclude each other, and what to choose."""
    if statistic not in LINEAR:
        if volume == "covariate":
            raise ValueError(
                f"statistic={statistic!r} has no covariates, so that volume='covariate' cannot be. Take statistic='t', "
                "or volume='residualize' (volume taken out of the score alone, which loses power and is conservative)"
                + (
                    "."
                    if statistic in TWO_SAMPLE
                    else ", which needs a continuous score; for a binary one volume='none'."
                )
            )
        if volume == "dtlvc":
            raise ValueError(
                f"volume='dtlvc' scales the lesion values of a subject, which statistic={statistic!r} does not look "
                "at. Take statistic='t', or another way of handling volume."
            )
        if covariates is not None:
            raise ValueError(
                f"statistic={statistic!r} has no covariates. Take statistic='t', which is Student's t of a linear "
                "model, or leave them out."
            )
    if statistic in BINARY and volume == "residualize":
        raise ValueError(
            f"volume='residualize' makes a continuous score, and statistic={statistic!r} needs a binary one. Take "
            "volume='none', or statistic='t' with volume='covariate'."
        )


def volume_correlation(score, volume):
    """Correlation of the score with lesion volume; 0 where one does not vary."""
    if np.ptp(volume) == 0 or np.ptp(score) == 0:
        return 0.0
    return float(np.corrcoef(score, volume)[0, 1])


def warn_of_volume(correlation, handling):
    """Warn where volume explains much of the score and the analysis leaves it there."""
    if handling in ("none", "dtlvc") and abs(correlation) > _CONFOUNDED:
        what = "is not taken into account" if handling == "none" else "is only scaled by 'dtlvc', not taken out"
        warnings.warn(
            f"Score and lesion volume correlate at {correlation:.2f}, and volume {what}: voxels that large lesions "
            "reach will look as if they mattered. Take volume='covariate' if voxels are to matter beyond volume.",
            VolumeConfoundWarning,
            stacklevel=3,
        )


def binary_score(score):
    """A score of two values as 0 and 1, the higher one 1."""
    values = np.unique(score)
    if len(values) != 2:
        raise ValueError(
            f"statistic='liebermeister' and 'chi2' need a score of two values, got {len(values)}. Take 't' or "
            "'brunner-munzel' for a continuous score, or make it binary by a cut-off fixed beforehand."
        )
    return (score == values[1]).astype(np.float64)


def without_volume(score, volume):
    """Residuals of the score on lesion volume and a constant."""
    design = np.column_stack([np.ones(len(volume)), volume])
    return score - design @ np.linalg.lstsq(design, score, rcond=None)[0]


def make_statistic(name, columns, score, volume, handling, covariates, scheme, permuted, dtype):
    """The statistic of every patch.

    Parameters
    ----------
    name : str
        One of `STATISTICS`.
    columns : ndarray or PackedColumns of shape (n_subjects, n_patches)
    score, volume : ndarray of shape (n_subjects,)
    handling : str
        One of `VOLUMES`.
    covariates : ndarray of shape (n_subjects, n_covariates) or None
    scheme, permuted, dtype : str
        See :class:`skfuse.permutation.LinearStatistic`.

    Returns
    -------
    statistic : MapStatistic
    """
    if name in BINARY:
        score = binary_score(score)
    if handling == "residualize":
        score = without_volume(score, volume)
    if name in LINEAR:
        if handling == "dtlvc":
            scale = np.sqrt(np.where(volume > 0, volume, 1.0))  # a subject without a lesion stays 0
            packed = isinstance(columns, PackedColumns)
            columns = ScaledColumns(columns, scale) if packed else (columns / scale[:, None]).astype(np.float32)
        if handling == "covariate":
            covariates = volume[:, None] if covariates is None else np.column_stack([volume, covariates])
        return LinearStatistic(columns, score, covariates, scheme=scheme, permuted=permuted, dtype=dtype)
    if not isinstance(columns, PackedColumns):
        raise ValueError(
            f"statistic={name!r} compares subjects with and without a lesion, and needs masks of 0 and 1. Binarize the "
            "masks, or take statistic='regression' for other values."
        )
    if name == "welch":
        from skfuse.lesions._welch import WelchStatistic

        return WelchStatistic(columns, score, dtype=dtype)
    if name == "brunner-munzel":
        from skfuse.lesions._brunner_munzel import BrunnerMunzelStatistic

        return BrunnerMunzelStatistic(columns, score, dtype=dtype)
    from skfuse.lesions._liebermeister import LiebermeisterStatistic, PearsonChi2Statistic

    return (LiebermeisterStatistic if name == "liebermeister" else PearsonChi2Statistic)(columns, score)


def cluster_forming(statistic, p, alternative):
    """Statistic whose one-voxel p-value is `p`, by Student's t where the model has one number of degrees of freedom."""
    tail = p / 2 if alternative == "two-sided" else p
    if isinstance(statistic, LinearStatistic):
        return float(student.isf(tail, statistic.degrees_of_freedom))
    return float(norm.isf(tail))
